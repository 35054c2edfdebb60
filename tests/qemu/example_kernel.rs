//! The kernel of docs/embedding.md, whose own code is the agent's glue and nothing else.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::Channel::{self, Virtio, VirtioModern};
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::process::output;
use serde_json::json;
use tests::hosts::come_and_go;
use tests::images::EXAMPLE;
use tests::{Booted, image, soon};

use crate::power;

/// Of the families that it links.
const COMMANDS: [&str; 7] = [
    "guest-sync",
    "guest-sync-delimited",
    "guest-ping",
    "guest-info",
    "guest-get-osinfo",
    "guest-get-host-name",
    "guest-shutdown",
];

const TRANSCRIPT: [(&str, &str); 6] = [
    (r#"{"execute":"guest-sync-delimited","arguments":{"id":5}}"#, r#"\xff{"return": 5}"#),
    (r#"{"execute":"guest-get-osinfo"}"#, r#"{"return": {"id":"mykernel","name":"My Kernel"}}"#),
    (r#"{"execute":"guest-get-host-name"}"#, r#"{"return": {"host-name":"web-1"}}"#),
    (
        r#"{"execute":"guest-get-time"}"#,
        r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-get-time has not been found"}}"#,
    ),
    (
        r#"{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#,
        r#"{"error": {"class": "GenericError", "desc": "this kernel can only be switched off"}}"#,
    ),
    (r#"{"execute":"guest-ping"}"#, r#"{"return": {}}"#),
];

fn answers_each_host_and_goes_down(machine: &str, channel: Channel) -> Result<()> {
    let mut booted = Booted::of(&EXAMPLE, machine, channel, |_| {})?;
    booted.transcript(&TRANSCRIPT)?;
    let info = booted.agent.execute("guest-info", json!({}), soon())?;
    let listed: Vec<_> =
        info["supported_commands"].as_array().into_iter().flatten().map(|entry| &entry["name"]).collect();
    ensure!(listed == COMMANDS && info["version"] == "1.0.0", "guest-info was answered by {info}");
    let booted = come_and_go(booted, channel.is_serial())?;
    power::goes_off(booted, machine, r#"{"execute":"guest-shutdown"}"#)
}

#[test]
fn on_q35() -> Result<()> {
    answers_each_host_and_goes_down("q35", Virtio)
}

#[test]
fn on_microvm() -> Result<()> {
    answers_each_host_and_goes_down("microvm", Virtio)
}

#[test]
fn on_aarch64() -> Result<()> {
    answers_each_host_and_goes_down("aarch64-virt", VirtioModern)
}

#[test]
fn on_riscv64() -> Result<()> {
    answers_each_host_and_goes_down("riscv64-virt-pcie", Virtio)
}

#[test]
fn the_guides_commands_boot_it_ask_it_and_switch_it_off() -> Result<()> {
    let guide = include_str!("../../docs/embedding.md");
    let commands = guide
        .split("```")
        .find_map(|block| block.strip_prefix("sh\n").filter(|text| text.contains("-kernel mykernel")));
    let folder = PrivateFolder::new()?;
    fs::copy(image(Machine::named("q35")?, &EXAMPLE)?, folder.path().join("mykernel"))?;
    // It ends what the shell has started, too.
    let mut shell = Command::new("timeout");
    shell.arg(soon().limit().as_secs().to_string());
    shell.args(["sh", "-e", "-c", commands.context("the guide boots a kernel")?]).current_dir(folder.path());
    let said = output(&mut shell, 2 * SOON)?;
    ensure!(said == "{\"return\": {\"id\":\"mykernel\",\"name\":\"My Kernel\"}}\n", "the commands ended with {said}");
    Ok(())
}
