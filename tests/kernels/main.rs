//! The engine in kernels that others wrote, each a workspace of its own under `targets/kernels`, and a kernel on `machine` alone.

mod arceos;
mod kernel;
mod machine_only;
mod pages;
mod rows;

use kernel::Kernel;

rows::tests_of! {
    own_appliance: OWN_APPLIANCE;
    cortex_m_polled: Kernel { name: "cortex-m-polled", ..CORTEX_M };
    cortex_m_awaited: Kernel { name: "cortex-m-awaited", ..CORTEX_M };
    arceos_aarch64: arceos::AARCH64;
    arceos_riscv64: arceos::RISCV64;
    arceos_x86_64: arceos::X86_64;
}

const OWN_APPLIANCE: Kernel = Kernel {
    name: "own-appliance",
    qemu: "qemu-system-x86_64",
    arguments: "-machine q35 -m 16M -kernel IMAGE -serial chardev:console -device virtio-serial-pci
        -device virtserialport,chardev=agent0,name=org.qemu.guest_agent.0",
    serial: false,
    os: "nanoqga",
    own: ("own-get-memory-map", r#""start":"#),
    longest: 128 << 10,
    status: 0,
    reboots: true,
};

const CORTEX_M: Kernel = Kernel {
    name: "",
    qemu: "qemu-system-arm",
    arguments: "-M lm3s6965evb -semihosting -serial chardev:console -serial chardev:agent0 -kernel IMAGE",
    serial: true,
    os: "firmware",
    own: ("cortex-m-get-temperature", "3"),
    longest: 1024,
    status: 0,
    reboots: true,
};
