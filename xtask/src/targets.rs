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

/// The target of the agent for Linux.
pub(crate) const LINUX_TARGET: &str = "x86_64-unknown-linux-musl";

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
