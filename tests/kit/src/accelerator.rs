//! What runs a guest's code: this machine's processor, or emulation.

use std::fmt;

/// How much slower emulation may be before a test's own time limit is reached. Authors think of the processor when they write it.
const EMULATION: u32 = 10;

/// QEMU's accelerators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Accelerator {
    /// Emulation, which runs every architecture everywhere.
    #[default]
    Tcg,
    /// Linux' hypervisor.
    Kvm,
    /// macOS' hypervisor.
    Hvf,
}

impl Accelerator {
    /// By how much a time limit is longer with it than with the processor itself.
    pub fn slowdown(self) -> u32 {
        match self {
            Self::Tcg => EMULATION,
            Self::Kvm | Self::Hvf => 1,
        }
    }

    /// QEMU's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
            Self::Hvf => "hvf",
        }
    }

    /// The one that QEMU calls so.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Tcg, Self::Kvm, Self::Hvf].into_iter().find(|accelerator| accelerator.name() == name)
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
