//! Devices on PCI that have only virtio's legacy interface, as those of QEMU's older machines.

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::machine::Channel::{Com2, Virtio};
use nanoqga_testkit::qemu::Config;
use serde_json::json;
use tests::disk::Disk;
use tests::images::{APPLIANCE, NANO};
use tests::{Booted, soon};

use crate::power;
use crate::storage::{put, read};

const DEVICES: [&str; 3] = ["virtio-serial-pci", "virtio-blk-pci", "virtio-net-pci"];

/// A disk and a network card, whose queues have such sizes.
fn devices(config: &mut Config, disk: &Disk, queue_size: u32) {
    for device in DEVICES {
        config.argument("-global", format!("{device}.disable-modern=on"));
    }
    disk.attach(config, "", &format!(",queue-size={queue_size}"));
    config.argument("-netdev", "user,id=user");
    config.virtio("net", "netdev=user");
}

#[test]
fn the_appliance_has_its_port_its_disk_and_its_card() -> Result<()> {
    let content: Vec<u8> = (0..100_000).map(|place| (place / 3) as u8).collect();
    let machines = ["q35", "pc", "aarch64-virt-pcie", "riscv64-virt-pcie"];
    for (machine, queue_size) in machines.into_iter().zip([256, 4, 1024, 128]) {
        let disk = Disk::fat(16, 16 << 10)?;
        let Booted { mut agent, guest } =
            Booted::of(&APPLIANCE, machine, Virtio, |config| devices(config, &disk, queue_size))?;
        put(&mut agent, "/file", &content).context(machine)?;
        ensure!(read(&mut agent, "/file", 48 << 10)? == content, "{machine}");
        soon().poll("an address by DHCP", || {
            let told = agent.execute("guest-network-get-interfaces", json!({}), soon())?;
            Ok(told.to_string().contains("10.0.2.15").then_some(()))
        })?;
        power::goes_off(Booted { agent, guest }, machine, r#"{"execute":"guest-shutdown"}"#)?;
        ensure!(disk.get("file")? == content, "{machine}");
    }
    Ok(())
}

#[test]
fn nano_names_the_device_and_what_to_use_instead() -> Result<()> {
    let booted = Booted::of(&NANO, "q35", Com2, |config| {
        config.argument("-device", "virtio-serial-pci,disable-modern=on");
    })?;
    booted.guest.console_shows("legacy only: give the device disable-modern=off", soon())
}
