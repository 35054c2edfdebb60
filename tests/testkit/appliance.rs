//! The appliance's own tests, which run inside of it, and in no image for users.

use std::process::Command;

use anyhow::{Result, ensure};
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::machine::Machine;
use serde_json::json;
use tests::images::{self, APPLIANCE, APPLIANCE_TESTS, NANO, image};
use tests::{Booted, soon};

fn passes_on(machine: &str) -> Result<()> {
    let image = image(Machine::named(machine)?, &APPLIANCE_TESTS)?;
    let mut nanoqga = Command::new(images::nanoqga()?);
    nanoqga.args(["run-elf", "--test", "--machine", machine]).arg(image).env("NANOQGA_ACCEL", "tcg");
    let said = nanoqga.output()?;
    let stdout = String::from_utf8_lossy(&said.stdout);
    ensure!(said.status.success() && stdout.contains("test result: ok. 16 passed"), "{said:?}");
    Ok(())
}

#[test]
fn all_pass_on_q35() -> Result<()> {
    passes_on("q35")
}

#[test]
fn all_pass_on_microvm() -> Result<()> {
    passes_on("microvm")
}

#[test]
fn all_pass_on_aarch64() -> Result<()> {
    passes_on("aarch64-virt")
}

#[test]
fn all_pass_on_riscv64() -> Result<()> {
    passes_on("riscv64-virt")
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
