//! ArceOS, with its network and its files.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{Booted, soon};

use crate::kernel::Kernel;

pub const AARCH64: Kernel = Kernel {
    name: "arceos-aarch64",
    qemu: "qemu-system-aarch64",
    arguments: "-machine virt,gic-version=3 -cpu cortex-a72 -m 512 -serial chardev:console -kernel IMAGE
        -drive if=none,id=disk,format=raw,snapshot=on,file=FOLDER/disk.img -device nvme,drive=disk,serial=1
        -netdev user,id=net -device virtio-net-pci,netdev=net,mac=52:54:00:12:34:56
        -device virtio-serial-pci -device virtserialport,chardev=agent0,name=org.qemu.guest_agent.0",
    serial: false,
    os: "arceos",
    own: ("arceos-memory", |memory| memory["total"].as_u64() > memory["free"].as_u64()),
    longest: 128 << 10,
};

pub const RISCV64: Kernel = Kernel {
    name: "arceos-riscv64",
    qemu: "qemu-system-riscv64",
    arguments: "-machine virt -m 512 -serial chardev:console -kernel IMAGE
        -drive if=none,id=disk,format=raw,snapshot=on,file=FOLDER/disk.img -device nvme,drive=disk,serial=1
        -netdev user,id=net -device virtio-net-pci,netdev=net,mac=52:54:00:12:34:56
        -device virtio-serial-pci -device virtserialport,chardev=agent0,name=org.qemu.guest_agent.0",
    ..AARCH64
};

pub const X86_64: Kernel = Kernel {
    name: "arceos-x86_64",
    qemu: "qemu-system-x86_64",
    arguments: "-machine q35 -cpu max -m 512 -serial chardev:console -bios /usr/share/ovmf/OVMF.fd
        -drive if=none,id=boot,format=raw,readonly=on,file=fat:IMAGE -device virtio-blk-pci,drive=boot,bootindex=0
        -drive if=none,id=disk,format=raw,snapshot=on,file=FOLDER/disk.img -device nvme,drive=disk,serial=1
        -netdev user,id=net -device virtio-net-pci,netdev=net,mac=52:54:00:12:34:56
        -device virtio-serial-pci -device virtserialport,chardev=agent0,name=org.qemu.guest_agent.0",
    ..AARCH64
};

/// Its interfaces and routes are what QEMU's network gives.
fn tells_its_network(kernel: &Kernel) -> Result<()> {
    let Booted { mut agent, guest: _guest } = kernel.boot()?;
    soon().poll("the address of QEMU's network", || {
        let interfaces = agent.execute("guest-network-get-interfaces", json!({}), soon())?.to_string();
        let told = ["52:54:00:12:34:56", "10.0.2.15"].iter().all(|word| interfaces.contains(word));
        Ok(told.then_some(()))
    })?;
    let routes = agent.execute("guest-network-get-route", json!({}), soon())?.to_string();
    ensure!(routes.contains("10.0.2.2"), "no route leads to QEMU's router: {routes}");
    Ok(())
}

/// A file that was written can be read.
fn keeps_files(kernel: &Kernel) -> Result<()> {
    let Booted { mut agent, guest: _guest } = kernel.boot()?;
    let open = |mode: &str| json!({"path": "/agent.txt", "mode": mode});
    let handle = agent.execute("guest-file-open", open("w"), soon())?;
    let written = agent.execute("guest-file-write", json!({"handle": handle, "buf-b64": "aGVsbG8="}), soon())?;
    ensure!(written["count"] == 5, "guest-file-write was answered by {written}");
    agent.execute("guest-file-close", json!({"handle": handle}), soon())?;
    let handle = agent.execute("guest-file-open", open("r"), soon())?;
    let read = agent.execute("guest-file-read", json!({"handle": handle}), soon())?;
    ensure!(read["buf-b64"] == "aGVsbG8=" && read["count"] == 5, "guest-file-read was answered by {read}");
    agent.execute("guest-file-close", json!({"handle": handle}), soon()).map(drop)
}

macro_rules! on {
    ($($name:ident: $kernel:ident;)*) => {$(
        mod $name {
            #[test]
            fn tells_its_network() -> anyhow::Result<()> {
                super::tells_its_network(&super::$kernel)
            }

            #[test]
            fn keeps_files() -> anyhow::Result<()> {
                super::keeps_files(&super::$kernel)
            }
        }
    )*};
}

on! {
    arceos_aarch64: AARCH64;
    arceos_riscv64: RISCV64;
    arceos_x86_64: X86_64;
}
