//! Every machine with every channel: what each row must do.

use anyhow::Result;
use xtask::machine::Channel::{Com1, Com2, Virtio, VirtioModern};

use crate::{power, tour};

/// One module of tests for each row, so that a failure names its row.
macro_rules! rows {
    ($($row:ident: $machine:literal over $channel:expr, ends by $ends:path;)*) => {$(
        mod $row {
            use super::*;

            #[test]
            fn a_foreign_client_makes_the_tour() -> Result<()> {
                tour::with_qapi($machine, $channel)
            }

            #[test]
            fn replies_are_these_bytes() -> Result<()> {
                tour::transcript($machine, $channel)
            }

            #[test]
            fn guest_shutdown() -> Result<()> {
                $ends($machine, $channel)
            }
        }
    )*};
}

rows! {
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
