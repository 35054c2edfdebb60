//! The appliance's own tests, which run inside of it.

use std::process::Command;

use anyhow::{Result, ensure};
use nanoqga_testkit::machine::Machine;
use tests::images::{self, APPLIANCE_TESTS, image};

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
