//! The engine in kernels that others wrote, each a workspace of its own under `targets/kernels`, and a kernel on `machine` alone.

mod arceos;
mod kernel;
mod machine_only;
mod own_tests;
mod pages;
mod rows;

use kernel::Kernel;

rows::tests_of! {
    own_appliance: OWN_APPLIANCE;
    cortex_m_polled: Kernel { name: "cortex-m-polled", ..CORTEX_M };
    cortex_m_awaited: Kernel { name: "cortex-m-awaited", ..CORTEX_M };
    uefi_application_on_virtio: UEFI;
    uefi_application_on_com2: Kernel { arguments: UEFI_ON_COM2, serial: true, ..UEFI };
    bootloader_bios_on_virtio: BOOTLOADER;
    bootloader_bios_on_com2: Kernel { arguments: BOOTLOADER_ON_COM2, serial: true, ..BOOTLOADER };
    bootloader_uefi_on_virtio: Kernel { name: "bootloader-uefi", arguments: BOOTLOADER_BY_UEFI, ..BOOTLOADER };
    arceos_aarch64: arceos::AARCH64;
    arceos_riscv64: arceos::RISCV64;
    arceos_x86_64: arceos::X86_64;
    ostd restless because "OSTD's timer, which ticks 1000 times a second, takes 5 to 13 % of a core": OSTD;
}

const OWN_APPLIANCE: Kernel = Kernel {
    name: "own-appliance",
    qemu: "qemu-system-x86_64",
    arguments: "-machine q35 -m 16M -kernel IMAGE -serial chardev:console -device virtio-serial-pci
        -device virtserialport,chardev=agent0,name=org.qemu.guest_agent.0",
    serial: false,
    os: "nanoqga",
    own: ("own-get-memory-map", |ranges| ranges[0]["end"].as_u64() > ranges[0]["start"].as_u64()),
    longest: 128 << 10,
};

const CORTEX_M: Kernel = Kernel {
    name: "",
    qemu: "qemu-system-arm",
    arguments: "-M lm3s6965evb -semihosting -serial chardev:console -serial chardev:agent0 -kernel IMAGE",
    serial: true,
    os: "firmware",
    own: ("cortex-m-get-temperature", |temperature| temperature.as_u64().is_some_and(|value| value / 10_000 == 3)),
    longest: 1024,
};

const UEFI: Kernel = Kernel {
    name: "uefi-application",
    qemu: "qemu-system-x86_64",
    arguments: "-machine q35 -m 128 -bios /usr/share/ovmf/OVMF.fd
        -drive if=none,id=boot,format=raw,readonly=on,file=fat:IMAGE -device virtio-blk-pci,drive=boot,bootindex=0
        -serial chardev:console -device virtio-serial-pci
        -device virtserialport,chardev=agent0,name=org.qemu.guest_agent.0",
    serial: false,
    os: "uefi",
    own: ("uefi-get-free-memory", |bytes| bytes.as_u64().is_some_and(|bytes| (1 << 20..128 << 20).contains(&bytes))),
    longest: 4096,
};

const UEFI_ON_COM2: &str = "-machine q35 -m 128 -bios /usr/share/ovmf/OVMF.fd
    -drive if=none,id=boot,format=raw,readonly=on,file=fat:IMAGE -device virtio-blk-pci,drive=boot,bootindex=0
    -serial chardev:console -serial chardev:agent0";

const BOOTLOADER: Kernel = Kernel {
    name: "bootloader-bios",
    qemu: "qemu-system-x86_64",
    arguments: "-machine q35 -m 64 -vga std -serial chardev:console
        -drive if=none,id=boot,format=raw,snapshot=on,file=IMAGE -device ide-hd,drive=boot,bootindex=0
        -device virtio-serial-pci -device virtserialport,chardev=agent0,name=org.qemu.guest_agent.0",
    serial: false,
    os: "bootloader-kernel",
    own: ("bootloader-ticks", serde_json::Value::is_u64),
    longest: 4096,
};

const BOOTLOADER_ON_COM2: &str = "-machine q35 -m 64 -vga std -serial chardev:console -serial chardev:agent0
    -drive if=none,id=boot,format=raw,snapshot=on,file=IMAGE -device ide-hd,drive=boot,bootindex=0";

const BOOTLOADER_BY_UEFI: &str = "-machine q35 -m 128 -vga std -serial chardev:console -bios /usr/share/ovmf/OVMF.fd
    -drive if=none,id=boot,format=raw,snapshot=on,file=IMAGE -device ide-hd,drive=boot,bootindex=0
    -device pcie-root-port,id=root-port -device virtio-serial-pci,bus=root-port
    -device virtserialport,chardev=agent0,name=org.qemu.guest_agent.0";

const OSTD: Kernel = Kernel {
    name: "ostd",
    qemu: "qemu-system-x86_64",
    arguments: "-machine q35 -cpu max -m 256 -serial chardev:console -kernel IMAGE -device virtio-serial-pci
        -device virtserialport,chardev=agent0,name=org.qemu.guest_agent.0",
    serial: false,
    os: "ostd",
    own: ("ostd-uptime", |milliseconds| milliseconds.as_u64().is_some_and(|uptime| uptime > 0)),
    longest: 4096,
};
