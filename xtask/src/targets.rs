//! Which Rust target the programs of each machine are built for.

use clap::builder::TypedValueParser;
use nanoqga_testkit::machine::{Bus, MACHINES, Machine};

use crate::usage::one_of;

/// The machine on which the agent for Linux is the first process of Debian's kernel. No image is built for it.
pub(crate) static LINUX: Machine = Machine {
    name: "linux",
    qemu: "qemu-system-x86_64",
    qemu_machine: "q35",
    cpu: None,
    bus: Bus::Pci,
    second_uart: "isa-serial,index=1",
    powers_off: true,
};

/// The target of the agent for Linux on the machine `linux`.
pub(crate) const LINUX_TARGET: &str = LINUX_TARGETS[0].target;

/// A Linux that the agent is built for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LinuxTarget {
    /// As `uname -m` has it, more or less.
    pub architecture: &'static str,
    /// Rust's name.
    pub target: &'static str,
    /// Debian's name of the architecture.
    pub debian: &'static str,
    /// Debian's name of musl for it.
    pub musl: &'static str,
}

/// All of them.
#[rustfmt::skip]
pub(crate) const LINUX_TARGETS: [LinuxTarget; 7] = [
    LinuxTarget { architecture: "x86_64", target: "x86_64-unknown-linux-musl", debian: "amd64", musl: "x86_64-linux-musl" },
    LinuxTarget { architecture: "i686", target: "i686-unknown-linux-musl", debian: "i386", musl: "i386-linux-musl" },
    LinuxTarget { architecture: "aarch64", target: "aarch64-unknown-linux-musl", debian: "arm64", musl: "aarch64-linux-musl" },
    LinuxTarget { architecture: "armv7", target: "armv7-unknown-linux-musleabihf", debian: "armhf", musl: "arm-linux-musleabihf" },
    LinuxTarget { architecture: "riscv64", target: "riscv64gc-unknown-linux-musl", debian: "riscv64", musl: "riscv64-linux-musl" },
    LinuxTarget { architecture: "ppc64le", target: "powerpc64le-unknown-linux-musl", debian: "ppc64el", musl: "powerpc64le-linux-musl" },
    LinuxTarget { architecture: "s390x", target: "s390x-unknown-linux-musl", debian: "s390x", musl: "s390x-linux-musl" },
];

/// Whether musl has a time of 32 bits for the target beside that of 64, and libc takes the former unless told.
pub(crate) fn has_two_times(target: &str) -> bool {
    ["i686-unknown-linux-musl", "armv7-unknown-linux-musleabihf"].contains(&target)
}

/// The target of a machine's images.
pub(crate) fn target(machine: &Machine) -> &'static str {
    match machine.architecture() {
        _ if machine == &LINUX => LINUX_TARGET,
        "aarch64" => "aarch64-unknown-none-softfloat",
        // Without floating point, which nothing here computes with: so there is no such state to switch on or to keep.
        "riscv64" => "riscv64imac-unknown-none-elf",
        _ => "x86_64-unknown-none",
    }
}

/// The images' targets, each once.
pub(crate) fn targets() -> Vec<&'static str> {
    let mut targets = MACHINES.each_ref().map(target).to_vec();
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// Takes the name of an architecture of Linux on our command line.
pub(crate) fn named_linux() -> impl TypedValueParser<Value = &'static LinuxTarget> {
    one_of(LINUX_TARGETS.iter().map(|linux| (linux.architecture.into(), linux)))
}

/// Takes the name of a machine on our command line.
pub(crate) fn named_machine() -> impl TypedValueParser<Value = &'static Machine> {
    one_of(MACHINES.iter().chain([&LINUX]).map(|machine| (machine.name.into(), machine)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_architecture_has_a_target() {
        assert_eq!(targets().len(), 3);
        assert_eq!(target(&LINUX), LINUX_TARGET);
    }
}
