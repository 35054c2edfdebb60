//! The appliance's own tests, which run inside of it, and in no image for users.

use std::process::Command;

use anyhow::{Result, ensure};
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::machine::Machine;
use serde_json::json;
use tests::disk::Disk;
use tests::images::{self, APPLIANCE, APPLIANCE_TESTS, NANO, image};
use tests::{Booted, soon};

fn passes_on(machine: &str, qemu: &[&str], result: &str) -> Result<()> {
    let image = image(Machine::named(machine)?, &APPLIANCE_TESTS)?;
    let mut nanoqga = Command::new(images::nanoqga()?);
    // While a command runs, an interrupt of the agent's own port may be pending, and end each sleep of a test at once.
    nanoqga.args(["run-elf", "--test", "--retries", "1", "--machine", machine]).env("NANOQGA_ACCEL", "tcg");
    nanoqga.args(qemu.iter().map(|argument| format!("--qemu={argument}")));
    let said = nanoqga.arg(image).output()?;
    let stdout = String::from_utf8_lossy(&said.stdout);
    ensure!(said.status.success() && stdout.contains(&format!("test result: ok. {result};")), "{said:?}");
    Ok(())
}

/// With a disk, of which each guest has a copy of its own.
fn passes_with_a_disk_on(machine: &str, device: &str) -> Result<()> {
    let disk = Disk::fat(16, 16 << 10)?;
    let drive = format!("if=none,id=disk,format=raw,snapshot=on,file={}", disk.path().display());
    passes_on(
        machine,
        &["-drive", &drive, "-device", &format!("{device},drive=disk")],
        "16 passed; 0 failed; 0 ignored",
    )
}

#[test]
fn all_pass_on_q35() -> Result<()> {
    passes_with_a_disk_on("q35", "virtio-blk-pci")
}

#[test]
fn all_but_that_of_the_cache_pass_without_a_disk() -> Result<()> {
    passes_on("q35", &[], "15 passed; 0 failed; 1 ignored")
}

#[test]
fn all_pass_on_microvm() -> Result<()> {
    passes_with_a_disk_on("microvm", "virtio-blk-device")
}

#[test]
fn all_pass_on_aarch64() -> Result<()> {
    passes_with_a_disk_on("aarch64-virt", "virtio-blk-device")
}

#[test]
fn all_pass_on_riscv64() -> Result<()> {
    passes_with_a_disk_on("riscv64-virt", "virtio-blk-device")
}

#[test]
fn the_images_list_no_commands_for_tests() -> Result<()> {
    for profile in [&NANO, &APPLIANCE] {
        let mut guest = Booted::of(profile, "q35", Channel::Virtio, |_| {})?;
        let info = guest.agent.execute("guest-info", json!({}), soon())?.to_string();
        ensure!(info.contains("guest-ping") && !info.contains("-test-"), "{}: {info}", profile.name);
    }
    Ok(())
}
