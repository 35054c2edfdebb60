//! Which Rust target the programs of each machine are built for.

use anyhow::{Context, Result};
use nanoqga_testkit::machine::{self, Bus, MACHINES, Machine};

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

/// The machine of this name on our command line.
///
/// # Errors
/// When there is none; the message lists them.
pub(crate) fn machine(name: &str) -> Result<&'static Machine> {
    if name == LINUX.name {
        return Ok(&LINUX);
    }
    Machine::named(name).ok().with_context(|| format!("no machine is called '{name}'; there are: {}", machines()))
}

/// The machines' names, for help and messages.
pub(crate) fn machines() -> String {
    format!("{}, {}", machine::names(), LINUX.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_machine_gets_a_message_with_the_known_ones() {
        let error = machine("vax").unwrap_err().to_string();
        assert_eq!(error, format!("no machine is called 'vax'; there are: {}", machines()));
        assert!(error.ends_with(", linux"), "{error}");
    }

    #[test]
    fn each_architecture_has_a_target() {
        assert_eq!(targets().len(), 3);
        assert_eq!(target(&LINUX), LINUX_TARGET);
    }
}
