//! QEMU's machines, and the channels by which an agent is reached: one row each.

use std::fmt;

use anyhow::{Result, bail};

/// How virtio devices reach the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// PCI or PCI Express.
    Pci,
    /// virtio-mmio slots.
    Mmio,
}

/// One kind of virtual machine.
#[derive(Debug)]
pub struct Machine {
    /// Its name here.
    pub name: &'static str,
    /// The QEMU program that has it.
    pub qemu: &'static str,
    /// The value of QEMU's `-machine`.
    pub qemu_machine: &'static str,
    /// The value of QEMU's `-cpu`, where the machine's own does not do.
    pub cpu: Option<&'static str>,
    /// Where its virtio devices are.
    pub bus: Bus,
    /// The QEMU device that is a 16550 beside the console.
    pub second_uart: &'static str,
    /// Whether a guest can switch it off.
    pub powers_off: bool,
}

impl PartialEq for Machine {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Every machine that is known here.
pub static MACHINES: [Machine; 9] = [
    Machine {
        name: "q35",
        qemu: "qemu-system-x86_64",
        qemu_machine: "q35",
        cpu: None,
        bus: Bus::Pci,
        second_uart: "isa-serial,index=1",
        powers_off: true,
    },
    Machine {
        name: "pc",
        qemu: "qemu-system-x86_64",
        qemu_machine: "pc",
        cpu: None,
        bus: Bus::Pci,
        second_uart: "isa-serial,index=1",
        powers_off: true,
    },
    Machine {
        name: "microvm",
        qemu: "qemu-system-x86_64",
        qemu_machine: "microvm",
        cpu: None,
        bus: Bus::Mmio,
        second_uart: "isa-serial,index=1",
        powers_off: true,
    },
    // Without ACPI there is no register to write: such a guest can only reset.
    Machine {
        name: "microvm-noacpi",
        qemu: "qemu-system-x86_64",
        qemu_machine: "microvm,acpi=off",
        cpu: None,
        bus: Bus::Mmio,
        second_uart: "isa-serial,index=1",
        powers_off: false,
    },
    Machine {
        name: "riscv64-virt",
        qemu: "qemu-system-riscv64",
        qemu_machine: "virt",
        cpu: None,
        bus: Bus::Mmio,
        second_uart: "pci-serial",
        powers_off: true,
    },
    Machine {
        name: "riscv64-virt-pcie",
        qemu: "qemu-system-riscv64",
        qemu_machine: "virt",
        cpu: None,
        bus: Bus::Pci,
        second_uart: "pci-serial",
        powers_off: true,
    },
    // The machine's own CPU has 32 bits.
    Machine {
        name: "aarch64-virt",
        qemu: "qemu-system-aarch64",
        qemu_machine: "virt",
        cpu: Some("cortex-a57"),
        bus: Bus::Mmio,
        second_uart: "pci-serial",
        powers_off: true,
    },
    Machine {
        name: "aarch64-virt-pcie",
        qemu: "qemu-system-aarch64",
        qemu_machine: "virt",
        cpu: Some("cortex-a57"),
        bus: Bus::Pci,
        second_uart: "pci-serial",
        powers_off: true,
    },
    // The newer interrupt controller; and a guest that may be a hypervisor is entered as one.
    Machine {
        name: "aarch64-virt-el2",
        qemu: "qemu-system-aarch64",
        qemu_machine: "virt,gic-version=3,virtualization=on",
        cpu: Some("cortex-a57"),
        bus: Bus::Pci,
        second_uart: "pci-serial",
        powers_off: true,
    },
];

impl Machine {
    /// The machine called `name`.
    ///
    /// # Errors
    /// When there is none; the message lists them.
    pub fn named(name: &str) -> Result<&'static Self> {
        match MACHINES.iter().find(|machine| machine.name == name) {
            Some(machine) => Ok(machine),
            None => bail!("no machine is called '{name}'; there are: {}", names()),
        }
    }

    /// Whether it has firmware that boots from disks.
    pub fn boots_disks(&self) -> bool {
        !self.name.starts_with("microvm")
    }

    /// Its architecture, as `uname -m` has it.
    pub fn architecture(&self) -> &'static str {
        self.qemu.trim_start_matches("qemu-system-")
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The machines' names, for messages.
fn names() -> String {
    MACHINES.iter().map(|machine| machine.name).collect::<Vec<_>>().join(", ")
}

/// How host and agent talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A virtio-serial port as QEMU makes it unasked: transitional on PCI, legacy on MMIO.
    Virtio,
    /// A virtio-serial port of a device without the legacy interface.
    VirtioModern,
    /// The single port of a virtio console without named ports, as many monitors have.
    Console,
    /// A 16550 of its own, COM2 or on PCI, beside the console.
    Com2,
    /// The machine's only UART, COM1 or the board's 16550. There is no console then.
    Com1,
}

impl Channel {
    /// Whether it is a UART or a console's single port, which do not tell of hosts that come and leave.
    pub const fn is_serial(self) -> bool {
        matches!(self, Self::Com1 | Self::Com2 | Self::Console)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Virtio => "virtio",
            Self::VirtioModern => "virtio, modern",
            Self::Console => "console",
            Self::Com2 => "uart",
            Self::Com1 => "uart on COM1",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_found_by_its_name() {
        assert_eq!(Machine::named("pc").unwrap().qemu_machine, "pc");
    }

    #[test]
    fn an_unknown_machine_gets_a_message_with_the_known_ones() {
        let error = Machine::named("vax").unwrap_err().to_string();
        assert_eq!(error, format!("no machine is called 'vax'; there are: {}", names()));
    }
}
