//! Every machine with every channel and profile: what each row must do.

use anyhow::Result;
use nanoqga_testkit::machine::Channel::{self, Com1, Com2, Console, Virtio, VirtioModern};
use nanoqga_testkit::qemu::Config;
use tests::Booted;
use tests::images::{APPLIANCE, NANO, Profile};

use crate::{appliance, conformance, hosts, idle, power, tour};

/// A profile on a machine, over a channel.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub profile: &'static Profile,
    pub machine: &'static str,
    pub channel: Channel,
}

impl Row {
    /// Boots it.
    pub fn boot(self) -> Result<Booted> {
        self.boot_with(|_| {})
    }

    /// Boots it after `adjust` has had its say.
    pub fn boot_with(self, adjust: impl FnOnce(&mut Config)) -> Result<Booted> {
        Booted::of(self.profile, self.machine, self.channel, |config| {
            if self.channel == Console {
                config.append = "agent=console".into();
            }
            adjust(config);
        })
    }
}

/// One module of tests for each row, so that a failure names its row.
macro_rules! rows {
    ($profile:ident, tour by $tour:path;
     $($row:ident: $machine:literal over $channel:expr, ends by $ends:path;)*) => {$(
        mod $row {
            use super::*;

            const ROW: Row = Row { profile: &$profile, machine: $machine, channel: $channel };

            #[test]
            fn a_foreign_client_makes_the_tour() -> Result<()> {
                $tour(ROW)
            }

            #[test]
            fn replies_are_these_bytes() -> Result<()> {
                tour::transcript(ROW)
            }

            #[test]
            fn it_answers_as_recorded() -> Result<()> {
                conformance::as_recorded(ROW)
            }

            #[test]
            fn a_host_that_leaves_mid_message_and_returns_finds_a_clean_parser() -> Result<()> {
                hosts::leaves_and_returns(ROW)
            }

            #[test]
            fn it_sleeps_when_it_has_nothing_to_do() -> Result<()> {
                idle::takes_less_than_a_hundredth_of_a_core(ROW)
            }

            #[test]
            fn guest_shutdown() -> Result<()> {
                $ends(ROW)
            }
        }
    )*};
}

mod nano {
    use super::*;

    rows! {
        NANO, tour by tour::with_qapi;
        // virtio-serial on PCI: the transitional device that hosts create, and the modern one.
        q35_virtio: "q35" over Virtio, ends by power::off_and_reboot;
        q35_virtio_modern: "q35" over VirtioModern, ends by power::off_and_reboot;
        pc_virtio: "pc" over Virtio, ends by power::off_and_reboot;
        pc_virtio_modern: "pc" over VirtioModern, ends by power::off_and_reboot;
        // virtio-serial on MMIO: legacy registers, modern registers.
        microvm_virtio: "microvm" over Virtio, ends by power::off_and_reboot;
        microvm_virtio_modern: "microvm" over VirtioModern, ends by power::off_and_reboot;
        // A 16550 beside the console, and the only one.
        q35_uart: "q35" over Com2, ends by power::off_and_reboot;
        q35_only_uart: "q35" over Com1, ends by power::off_and_reboot;
        pc_uart: "pc" over Com2, ends by power::off_and_reboot;
        microvm_uart: "microvm" over Com2, ends by power::off_and_reboot;
        microvm_only_uart: "microvm" over Com1, ends by power::off_and_reboot;
        // A device tree instead of tables. virtio-serial on MMIO, and on PCI that no firmware has set up.
        riscv64_virt_virtio: "riscv64-virt" over Virtio, ends by power::off_and_reboot;
        riscv64_virt_virtio_modern: "riscv64-virt" over VirtioModern, ends by power::off_and_reboot;
        riscv64_virt_pcie_virtio: "riscv64-virt-pcie" over Virtio, ends by power::off_and_reboot;
        riscv64_virt_pcie_virtio_modern: "riscv64-virt-pcie" over VirtioModern, ends by power::off_and_reboot;
        aarch64_virt_virtio: "aarch64-virt" over Virtio, ends by power::off_and_reboot;
        aarch64_virt_virtio_modern: "aarch64-virt" over VirtioModern, ends by power::off_and_reboot;
        aarch64_virt_pcie_virtio: "aarch64-virt-pcie" over Virtio, ends by power::off_and_reboot;
        aarch64_virt_pcie_virtio_modern: "aarch64-virt-pcie" over VirtioModern, ends by power::off_and_reboot;
        // A GIC of version 3, entered at EL2, switched off by SMC and not HVC.
        aarch64_virt_el2_virtio: "aarch64-virt-el2" over Virtio, ends by power::off_and_reboot;
        // A 16550 on PCI there.
        riscv64_virt_uart: "riscv64-virt" over Com2, ends by power::off_and_reboot;
        aarch64_virt_uart: "aarch64-virt" over Com2, ends by power::off_and_reboot;
        // Without ACPI there is no way to switch the machine off.
        microvm_noacpi_virtio: "microvm-noacpi" over Virtio, ends by power::off_refused;
        microvm_noacpi_virtio_modern: "microvm-noacpi" over VirtioModern, ends by power::off_refused;
        microvm_noacpi_uart: "microvm-noacpi" over Com2, ends by power::off_refused;
    }
}

mod the_appliance {
    use super::*;

    rows! {
        APPLIANCE, tour by appliance::tour;
        q35_virtio: "q35" over Virtio, ends by power::off_and_reboot;
        q35_virtio_modern: "q35" over VirtioModern, ends by power::off_and_reboot;
        q35_uart: "q35" over Com2, ends by power::off_and_reboot;
        pc_virtio: "pc" over Virtio, ends by power::off_and_reboot;
        pc_uart: "pc" over Com2, ends by power::off_and_reboot;
        microvm_virtio: "microvm" over Virtio, ends by power::off_and_reboot;
        microvm_only_uart: "microvm" over Com1, ends by power::off_and_reboot;
        microvm_noacpi_virtio: "microvm-noacpi" over Virtio, ends by power::off_refused;
        // The single port of a console.
        q35_console: "q35" over Console, ends by power::off_and_reboot;
        microvm_console: "microvm" over Console, ends by power::off_and_reboot;
        aarch64_virt_console: "aarch64-virt" over Console, ends by power::off_and_reboot;
        aarch64_virt_pcie_console: "aarch64-virt-pcie" over Console, ends by power::off_and_reboot;
        riscv64_virt_console: "riscv64-virt" over Console, ends by power::off_and_reboot;
        riscv64_virt_virtio: "riscv64-virt" over Virtio, ends by power::off_and_reboot;
        riscv64_virt_pcie_virtio: "riscv64-virt-pcie" over Virtio, ends by power::off_and_reboot;
        riscv64_virt_uart: "riscv64-virt" over Com2, ends by power::off_and_reboot;
        aarch64_virt_virtio: "aarch64-virt" over Virtio, ends by power::off_and_reboot;
        aarch64_virt_pcie_virtio: "aarch64-virt-pcie" over Virtio, ends by power::off_and_reboot;
        aarch64_virt_uart: "aarch64-virt" over Com2, ends by power::off_and_reboot;
    }
}
