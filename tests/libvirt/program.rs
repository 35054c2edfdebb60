//! The program `nanoqga`, which asks an agent whose channel libvirtd holds.

use std::fs;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::images::{APPLIANCE, nanoqga};
use tests::soon;

use crate::daemon::uri;
use crate::domain::Domain;

fn run(domain: &Domain, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(nanoqga()?);
    command.args(["--libvirt", domain.name()]).args(arguments).env("LIBVIRT_DEFAULT_URI", uri());
    Ok(command.output()?)
}

fn succeeds(domain: &Domain, arguments: &[&str]) -> Result<String> {
    let run = run(domain, arguments)?;
    ensure!(run.status.success(), "{arguments:?}: {run:?}");
    Ok(String::from_utf8(run.stdout)?)
}

fn fails(domain: &Domain, arguments: &[&str], status: i32, text: &str) -> Result<()> {
    let run = run(domain, arguments)?;
    let said = String::from_utf8_lossy(&run.stderr);
    ensure!(run.status.code() == Some(status) && said.contains(text), "{arguments:?}: {run:?}");
    Ok(())
}

#[test]
fn the_program_asks_an_agent_and_switches_its_guest_off() -> Result<()> {
    let domain = Domain::connected()?;
    succeeds(&domain, &["ping"])?;
    let info = succeeds(&domain, &["info"])?;
    ensure!(info.contains("\nsystem       nanoqga "), "{info}");
    let raw = succeeds(&domain, &["raw", r#"{"execute":"guest-sync","arguments":{"id":5}}"#])?;
    ensure!(serde_json::from_str::<Value>(&raw)? == json!({"return": 5}), "{raw}");
    fails(&domain, &["exec", "true"], 125, "guest-exec has not been found")?;
    fails(&domain, &["shutdown", "--mode", "halt"], 125, "libvirt has no call that halts a guest")?;
    succeeds(&domain, &["shutdown"])?;
    domain.gone(soon())?;
    fails(&domain, &["ping"], 125, "failed to get domain")
}

#[test]
fn the_program_copies_files_in_pieces_that_libvirt_takes() -> Result<()> {
    let domain = Domain::with(&APPLIANCE, 1, "")?;
    let [original, back] = ["original", "back"].map(|name| domain.folder().join(name));
    let content: Vec<u8> = (0..u32::MAX).flat_map(u32::to_le_bytes).take(300_000).collect();
    fs::write(&original, &content)?;
    succeeds(&domain, &["push", &original.display().to_string(), "/original"])?;
    succeeds(&domain, &["pull", "/original", &back.display().to_string()])?;
    ensure!(fs::read(&back)? == content, "the bytes differ");
    Ok(())
}
