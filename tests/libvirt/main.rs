//! The image as a guest of a real libvirtd, asked through virsh.

mod daemon;
mod domain;
mod plug;
mod program;
mod storage;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use daemon::BETWEEN_LOOKS;
use domain::{CHANNEL, Domain, NO_SECURE_BOOT};
use nanoqga_testkit::machine::Machine;
use serde_json::json;
use tests::images::{APPLIANCE, NANO};
use tests::soon;
use tests::time::{SECOND, has_gone_on, is_the_hosts};

#[test]
fn readers_are_told_of_what_is_tested() {
    let hosts = include_str!("../../docs/hosts.md");
    for xml in [CHANNEL, NO_SECURE_BOOT] {
        assert!(hosts.contains(xml), "docs/hosts.md shows something else than {xml}");
    }
}

#[test]
fn the_channel_is_connected() -> Result<()> {
    let domain = Domain::connected()?;
    let xml = domain.virsh(&["dumpxml"])?;
    let target = xml
        .lines()
        .find(|line| line.contains("<target type='virtio' name='org.qemu.guest_agent.0'"))
        .context("the channel is in the XML")?;
    ensure!(target.contains("state='connected'"), "{target}");
    Ok(())
}

#[test]
fn qemu_agent_command_passes_every_command() -> Result<()> {
    let domain = Domain::connected()?;
    ensure!(domain.agent(r#"{"execute":"guest-sync","arguments":{"id":5}}"#)? == json!({"return": 5}));
    ensure!(domain.agent(r#"{"execute":"guest-ping"}"#)? == json!({"return": {}}));
    let info = domain.agent(r#"{"execute":"guest-info"}"#)?;
    let commands = info["return"]["supported_commands"].as_array().context("guest-info lists commands")?;
    ensure!(
        commands
            .iter()
            .any(|entry| *entry == json!({"name": "guest-sync-delimited", "enabled": true, "success-response": true}))
    );
    let os = domain.agent(r#"{"execute":"guest-get-osinfo"}"#)?;
    ensure!(os["return"]["machine"] == "x86_64", "{os}");
    let host = domain.agent(r#"{"execute":"guest-get-host-name"}"#)?;
    ensure!(host["return"]["host-name"].is_string(), "{host}");
    let zone = domain.agent(r#"{"execute":"guest-get-timezone"}"#)?;
    ensure!(zone["return"]["offset"] == 0, "{zone}");
    let start = Instant::now();
    let set = domain.agent(r#"{"execute":"guest-set-time","arguments":{"time":1000000000000000000}}"#)?;
    ensure!(set == json!({"return": {}}), "{set}");
    let time = domain.agent(r#"{"execute":"guest-get-time"}"#)?;
    has_gone_on(1_000_000_000 * SECOND, start, time["return"].as_i64().context("guest-get-time gives an integer")?)
}

#[test]
fn a_command_that_is_not_there_is_refused_and_the_channel_stays() -> Result<()> {
    let domain = Domain::connected()?;
    let refused = domain.agent(r#"{"execute":"guest-bogus"}"#).err().context("guest-bogus must fail")?;
    ensure!(format!("{refused:#}").contains("The command guest-bogus has not been found"), "{refused:#}");
    ensure!(domain.agent(r#"{"execute":"guest-ping"}"#)? == json!({"return": {}}));
    Ok(())
}

/// What a client can do to an agent that libvirt stands before: ask for nonsense or too much, wait too briefly, and die.
#[test]
fn clients_that_misbehave_or_die_leave_an_agent_that_answers() -> Result<()> {
    let domain = Domain::connected()?;
    let long = format!(r#"{{"execute":"guest-ping","id":"{}"}}"#, "x".repeat(100_000));
    let deep = format!(r#"{{"execute":"guest-ping","arguments":{}1{}}}"#, r#"{"a":"#.repeat(500), "}".repeat(500));
    for round in 0..5 {
        for request in ["{", "[]", "{}", r#"{"execute":1}"#, r#"{"execute":"guest-sync"}"#, &long, &deep] {
            let refused = domain.agent(request);
            ensure!(refused.is_err(), "{:.40} was answered by {refused:?}", request);
        }
        for milliseconds in [0, 1, 3, 10, 20, 30, 50, 80] {
            let mut virsh = domain.client(&["qemu-agent-command", r#"{"execute":"guest-info"}"#])?;
            std::thread::sleep(Duration::from_millis(milliseconds)); // no wait: when the client dies is the attack
            virsh.kill()?;
            virsh.wait()?;
        }
        // A reply that nobody waits for comes before the next one, or not at all.
        let _ = domain.virsh(&["qemu-agent-command", "--timeout", "0", r#"{"execute":"guest-info"}"#]);
        ensure!(domain.agent(r#"{"execute":"guest-ping"}"#)? == json!({"return": {}}), "round {round}");
    }
    Ok(())
}

#[test]
fn domtime_reads_and_sets_the_clock() -> Result<()> {
    let domain = Domain::connected()?;
    is_the_hosts(|| domain.time())?;
    let start = Instant::now();
    domain.virsh(&["domtime", "--time", "1234567890"])?;
    has_gone_on(1_234_567_890 * SECOND, start, domain.time()?)?;
    is_the_hosts(|| {
        domain.virsh(&["domtime", "--now"])?;
        domain.time()
    })?;
    is_the_hosts(|| {
        domain.virsh(&["domtime", "--sync"])?;
        domain.time()
    })
}

#[test]
fn domhostname_asks_the_agent() -> Result<()> {
    let domain = Domain::connected()?;
    let told = domain.agent(r#"{"execute":"guest-get-host-name"}"#)?;
    let shown = domain.virsh(&["domhostname", "--source", "agent"])?;
    ensure!(told["return"]["host-name"] == shown.trim(), "virsh shows {shown}, the agent told {told}");
    Ok(())
}

#[test]
fn guestinfo_shows_what_there_is() -> Result<()> {
    let domain = Domain::connected()?;
    let some = domain.virsh(&["guestinfo", "--os", "--hostname", "--timezone"])?;
    for key in ["os.id", "os.machine", "hostname", "timezone.offset"] {
        ensure!(some.lines().any(|line| line.starts_with(key)), "there is no {key} in:\n{some}");
    }
    // Without options libvirt leaves out what the agent says it does not know.
    let all = domain.virsh(&["guestinfo"])?;
    ensure!(all.lines().any(|line| line.starts_with("os.id")), "there is no os.id in:\n{all}");
    Ok(())
}

#[test]
fn shutdown_through_the_agent() -> Result<()> {
    let domain = Domain::connected()?;
    let watch = domain.watch()?;
    domain.shut_down()?;
    let event = watch.event("lifecycle")?;
    ensure!(event.contains("Shutdown Finished after guest request"), "{event}");
    domain.gone(soon())
}

#[test]
fn the_appliance_shows_its_processors_and_answers_the_power_button() -> Result<()> {
    let domain = Domain::with(&APPLIANCE, 2, "")?;
    let shown = domain.virsh(&["guestvcpus"])?;
    for (key, value) in [("vcpus", "0-1"), ("online", "0"), ("offlinable", "")] {
        let line = shown.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix(':'));
        ensure!(line.is_some_and(|line| line.trim() == value), "{key} is not '{value}' in:\n{shown}");
    }
    let watch = domain.watch()?;
    domain.virsh(&["shutdown", "--mode", "acpi"])?;
    let event = watch.event("lifecycle")?;
    ensure!(event.contains("Shutdown Finished after guest request"), "{event}");
    domain.gone(soon())
}

#[test]
fn the_appliance_shows_its_network_interface() -> Result<()> {
    let card = "<interface type='user'><mac address='52:54:00:12:34:56'/><model type='virtio'/></interface>";
    let domain = Domain::with(&APPLIANCE, 1, card)?;
    let shown = soon().poll_every(BETWEEN_LOOKS, "an address by DHCP", || {
        let shown = domain.virsh(&["domifaddr", "--source", "agent"])?;
        Ok(shown.contains("10.0.2.15").then_some(shown))
    })?;
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    ensure!(rows.iter().any(|row| row[..] == ["eth0", "52:54:00:12:34:56", "ipv4", "10.0.2.15/24"]), "{shown}");
    ensure!(rows.iter().any(|row| row.last() == Some(&"fe80::5054:ff:fe12:3456/64")), "{shown}");
    let told = domain.virsh(&["guestinfo", "--interface"])?;
    for (key, value) in [
        ("if.count", "1"),
        ("if.0.name", "eth0"),
        ("if.0.hwaddr", "52:54:00:12:34:56"),
        ("if.0.addr.0.type", "ipv4"),
        ("if.0.addr.0.addr", "10.0.2.15"),
        ("if.0.addr.0.prefix", "24"),
    ] {
        let line = told.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix(':'));
        ensure!(line.is_some_and(|line| line.trim() == value), "{key} is not '{value}' in:\n{told}");
    }
    let configure =
        r#"{"execute":"nanoqga-network-configure","arguments":{"name":"eth0","address":"10.0.2.77","prefix":24}}"#;
    ensure!(domain.agent(configure)? == json!({"return": {}}));
    let shown = domain.virsh(&["domifaddr", "--source", "agent"])?;
    ensure!(shown.contains("10.0.2.77/24") && !shown.contains("10.0.2.15"), "{shown}");
    Ok(())
}

#[test]
fn the_appliance_suspends_and_wakes() -> Result<()> {
    let domain = Domain::with(&APPLIANCE, 1, "")?;
    let refused = domain.virsh(&["dompmsuspend", "disk"]).err().context("there is no way to suspend to a disk")?;
    let refused = format!("{refused:#}");
    ensure!(refused.contains("the requested suspend mode is not supported by the guest"), "{refused}");
    for _ in 0..2 {
        domain.virsh(&["dompmsuspend", "mem"])?;
        domain.shows(&["domstate"], "pmsuspended")?;
        domain.shows(&["dumpxml"], "state='disconnected'")?;
        domain.virsh(&["dompmwakeup"])?;
        domain.shows(&["domstate"], "running")?;
        domain.shows(&["dumpxml"], "state='connected'")?;
        ensure!(domain.agent(r#"{"execute":"guest-ping"}"#)? == json!({"return": {}}));
    }
    Ok(())
}

/// libvirt has their virtio devices behind PCI Express root ports, which no firmware has set up.
#[test]
fn guests_of_other_architectures_are_asked_set_and_shut_down() -> Result<()> {
    for (name, event) in [
        ("aarch64-virt", "Shutdown Finished after guest request"),
        // QEMU 7.2's riscv64 machine ends without a word to libvirt. QEMU 11.1's says why.
        ("riscv64-virt", if daemon::wants_newest() { "Shutdown Finished after guest request" } else { "Stopped" }),
    ] {
        let machine = Machine::named(name)?;
        let domain = Domain::on(machine, &NANO, 2, "")?;
        ensure!(domain.agent(r#"{"execute":"guest-ping"}"#)? == json!({"return": {}}), "{name}");
        let os = domain.agent(r#"{"execute":"guest-get-osinfo"}"#)?;
        ensure!(os["return"]["machine"] == machine.architecture(), "{os}");
        let start = Instant::now();
        match domain.virsh(&["domtime", "--time", "1234567890"]) {
            // When the guest has its time, libvirt 12 asks QEMU 11 for what only PCs have.
            Err(error) if format!("{error:#}").contains("rtc-reset-reinjection") => {}
            other => drop(other?),
        }
        has_gone_on(1_234_567_890 * SECOND, start, domain.time()?).context(name)?;
        let watch = domain.watch()?;
        domain.shut_down()?;
        let told = watch.event("lifecycle")?;
        ensure!(told.contains(event), "{name}: {told}");
        domain.gone(soon())?;
    }
    Ok(())
}

/// As libvirt's users of such guests have it: UEFI firmware in flash, with ACPI's tables.
#[test]
fn a_disk_boots_by_the_firmware_that_libvirt_finds() -> Result<()> {
    let domain = Domain::from_disk(Machine::named("aarch64-virt")?, &APPLIANCE, "hostname=from-disk")?;
    let shown = domain.virsh(&["domhostname", "--source", "agent"])?;
    ensure!(shown.trim() == "from-disk", "{shown}");
    let watch = domain.watch()?;
    domain.shut_down()?;
    let event = watch.event("lifecycle")?;
    ensure!(event.contains("Shutdown Finished after guest request"), "{event}");
    domain.gone(soon())
}

#[test]
fn reboot_through_the_agent() -> Result<()> {
    let domain = Domain::connected()?;
    let watch = domain.watch()?;
    domain.virsh(&["reboot", "--mode", "agent"])?;
    watch.event("reboot")?;
    // libvirt lets go of the agent at the reset, and takes it up when the guest opens its port again.
    soon().poll_every(BETWEEN_LOOKS, "an answer after the reboot", || {
        let answer = domain.agent(r#"{"execute":"guest-ping"}"#);
        Ok((answer.ok() == Some(json!({"return": {}}))).then_some(()))
    })
}
