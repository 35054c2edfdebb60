//! What the profile `appliance` answers beside `nano`: processors, time, load, memory, and the power button.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel::{self, Com2, Virtio};
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::qemu::Config;
use qapi::qga;
use serde_json::{Value, json};
use tests::booted::synchronise;
use tests::images::APPLIANCE;
use tests::{Booted, soon};

use crate::log;
use crate::rows::Row;
use crate::tour::{execute, foreign};

/// Some of what it has and nano has not, of each family.
const COMMANDS: [&str; 13] = [
    "guest-get-vcpus",
    "guest-get-memory-blocks",
    "guest-network-get-interfaces",
    "guest-file-open",
    "guest-get-fsinfo",
    "guest-fsfreeze-freeze",
    "guest-get-disks",
    "guest-get-diskstats",
    "guest-suspend-ram",
    "guest-get-users",
    "guest-exec",
    "nanoqga-network-configure",
    "nanoqga-log",
];

const MIB: u64 = 1 << 20;

fn booted(machine: &str, channel: Channel, adjust: impl FnOnce(&mut Config)) -> Result<Booted> {
    Booted::of(&APPLIANCE, machine, channel, adjust)
}

/// What there is beside nano's, by the `qapi` crate's client.
pub fn tour(row: Row) -> Result<()> {
    let mut booted = row.boot_with(|config| _ = config.user_network())?;
    log::is_what_the_console_shows(&mut booted, row.channel)?;
    through(booted, row.machine).map(drop)
}

/// The same with a guest that runs and has a network card; gives it back, without a host.
pub fn through(Booted { agent, mut guest }: Booted, machine: &str) -> Result<Guest> {
    let mut client = foreign(agent)?;
    let info = execute(&mut client, qga::guest_info {})?;
    for name in COMMANDS {
        ensure!(info.supported_commands.iter().any(|command| command.name == name && command.enabled), "{name}");
    }
    let os = execute(&mut client, qga::guest_get_osinfo {})?;
    ensure!(os.id.as_deref() == Some("nanoqga"), "{os:?}");

    let processors = execute(&mut client, qga::guest_get_vcpus {})?;
    ensure!(processors.len() == 1, "{processors:?}");
    let times = execute(&mut client, qga::guest_get_cpustats {})?;
    ensure!(times.len() == 1, "{times:?}");

    let size = execute(&mut client, qga::guest_get_memory_block_info {})?.size;
    let blocks = execute(&mut client, qga::guest_get_memory_blocks {})?;
    let mut qmp = guest.qmp(soon())?;
    let memory = qmp.execute("query-memory-size-summary", json!({}), soon())?["base-memory"].as_u64();
    let memory = memory.context("QEMU's size of the memory")?;
    ensure!(size == 2 * MIB && blocks.len() as u64 * size == memory, "{memory} as {} of {size} bytes", blocks.len());
    ensure!(blocks.iter().all(|block| block.online && block.can_offline == Some(false)), "{blocks:?}");
    // Where RAM begins on these machines.
    let start = match Machine::named(machine)?.architecture() {
        "riscv64" => 2 << 30,
        "aarch64" => 1 << 30,
        _ => 0,
    };
    ensure!(blocks.iter().zip(start / size..).all(|(block, index)| block.phys_index == index), "{blocks:?}");

    let interfaces = execute(&mut client, qga::guest_network_get_interfaces {})?;
    ensure!(interfaces.len() == 1 && interfaces[0].name == "eth0", "{interfaces:?}");
    ensure!(interfaces[0].hardware_address.as_deref() == Some("52:54:00:12:34:56"), "{interfaces:?}");
    let volumes = execute(&mut client, qga::guest_get_fsinfo {})?;
    ensure!(volumes.len() == 1 && volumes[0].mountpoint == "/" && volumes[0].disk.is_empty(), "{volumes:?}");
    // It boots from one, or has none.
    let there = qmp.execute("query-block", json!({}), soon())?;
    let disks = execute(&mut client, qga::guest_get_disks {})?;
    let whole = disks.iter().filter(|disk| !disk.partition).count();
    ensure!(there.as_array().is_some_and(|there| there.len() == whole), "{disks:?}, and QEMU has {there}");
    ensure!(execute(&mut client, qga::guest_get_users {})?.is_empty(), "there are no users");
    let open = |mode: &str| qga::guest_file_open { path: "/file".into(), mode: Some(mode.into()) };
    let handle = execute(&mut client, open("w"))?;
    let content = qga::guest_file_write { handle, buf_b64: b"content".into(), count: None };
    ensure!(execute(&mut client, content)?.count == 7);
    execute(&mut client, qga::guest_file_close { handle })?;
    let handle = execute(&mut client, open("r"))?;
    let read = execute(&mut client, qga::guest_file_read { handle, count: None })?;
    ensure!(read.buf_b64 == b"content" && read.eof, "{read:?}");
    Ok(guest)
}

fn ask(agent: &mut Client, command: &str) -> Result<Value> {
    agent.execute(command, json!({}), soon())
}

#[test]
fn of_two_processors_one_is_online_for_good() -> Result<()> {
    for machine in ["q35", "pc", "microvm", "aarch64-virt"] {
        let mut guest = booted(machine, Virtio, |config| config.processors = 2)?;
        guest.transcript(&[
            (
                r#"{"execute":"guest-get-vcpus"}"#,
                concat!(
                    r#"{"return": [{"logical-id":0,"online":true,"can-offline":false},"#,
                    r#"{"logical-id":1,"online":false,"can-offline":false}]}"#
                ),
            ),
            (
                r#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":0,"online":true},{"logical-id":1,"online":false}]}}"#,
                r#"{"return": 2}"#,
            ),
            // As far as it goes; an error only if that is nowhere.
            (
                r#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":0,"online":true},{"logical-id":1,"online":true}]}}"#,
                r#"{"return": 1}"#,
            ),
            (
                r#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":1,"online":true}]}}"#,
                concat!(
                    r#"{"error": {"class": "GenericError", "desc": "#,
                    r#""this guest runs on the processor that it was started on, and on no other"}}"#
                ),
            ),
            (
                r#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":2,"online":false}]}}"#,
                r#"{"error": {"class": "GenericError", "desc": "there is no processor of this number"}}"#,
            ),
        ])?;
        let times = ask(&mut guest.agent, "guest-get-cpustats")?;
        ensure!(times.as_array().is_some_and(|times| times.len() == 1 && times[0]["cpu"] == 0), "{times}");
    }
    Ok(())
}

#[test]
fn memory_blocks_stay_where_they_are() -> Result<()> {
    booted("q35", Virtio, |_| {})?.transcript(&[(
        concat!(
            r#"{"execute":"guest-set-memory-blocks","arguments":{"mem-blks":[{"phys-index":0,"online":true},"#,
            r#"{"phys-index":7,"online":false},{"phys-index":8,"online":true}]}}"#
        ),
        concat!(
            r#"{"return": [{"phys-index":0,"response":"success"},"#,
            r#"{"phys-index":7,"response":"operation-not-supported"},{"phys-index":8,"response":"not-found"}]}"#
        ),
    )])
}

#[test]
fn memory_blocks_make_up_the_guests_ram() -> Result<()> {
    // The last one reaches beyond the hole below 4 GiB.
    for mib in [8, 64, 512, 4096] {
        let Booted { mut agent, guest: _guest } = booted("q35", Virtio, |config| config.memory_kib = mib << 10)?;
        let size = ask(&mut agent, "guest-get-memory-block-info")?["size"].as_u64().context("a size")?;
        let blocks = ask(&mut agent, "guest-get-memory-blocks")?;
        let count = blocks.as_array().context("a list")?.len() as u64;
        ensure!(size.is_power_of_two() && count <= 512, "{count} blocks of {size} bytes");
        ensure!(count * size == u64::from(mib) * MIB, "{count} blocks of {size} bytes in {mib} MiB");
    }
    Ok(())
}

/// The milliseconds awake and asleep.
pub fn times(agent: &mut Client) -> Result<(u64, u64)> {
    let times = ask(agent, "guest-get-cpustats")?;
    let member = |name: &str| times[0][name].as_u64().with_context(|| format!("{name} in {times}"));
    Ok((member("system")?, member("idle")?))
}

/// How long a guest is left alone, to see whether it sleeps.
const ALONE: Duration = Duration::from_secs(3);

/// Waits until the guest sleeps while nobody asks it anything, by its own account. That is right: it counts no more time
/// than has passed on the host.
pub fn sleeps(agent: &mut Client) -> Result<()> {
    let mut shown = String::new();
    let slept = soon().poll("a guest that sleeps while it is left alone", || {
        let start = Instant::now();
        let before = times(agent)?;
        thread::sleep(ALONE); // no wait: the guest counts its own sleep over this window
        let after = times(agent)?;
        let (awake, asleep) = (after.0 - before.0, after.1 - before.1);
        let passed = start.elapsed().as_millis();
        shown = format!("{awake} ms awake and {asleep} ms asleep in {passed} ms");
        // The guest's clock is as good as it could measure at its start.
        ensure!(u128::from(awake + asleep) <= passed + passed / 10, "{shown}");
        Ok((awake < 100 && asleep > 2_900).then_some(()))
    });
    slept.context(shown)
}

fn load(agent: &mut Client) -> Result<f64> {
    ask(agent, "guest-get-load")?["load1m"].as_f64().context("a load")
}

#[test]
fn time_asleep_is_told_from_time_awake() -> Result<()> {
    for machine in ["q35", "microvm", "riscv64-virt", "aarch64-virt"] {
        let Booted { mut agent, guest: _guest } = booted(machine, Virtio, |_| {})?;
        sleeps(&mut agent).context(machine)?;
    }
    Ok(())
}

/// How often the load is asked for: questions keep the guest awake.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Waits until the load is lower than `bar`; returns it.
fn falls_below(agent: &mut Client, bar: f64) -> Result<f64> {
    soon().poll_every(BETWEEN_LOOKS, &format!("a load below {bar}"), || {
        let load = load(agent)?;
        ensure!((0.0..1.0).contains(&load), "a load of {load}");
        Ok((load < bar).then_some(load))
    })
}

#[test]
fn the_load_rises_with_work_and_falls_without() -> Result<()> {
    let Booted { mut agent, guest: _guest } = booted("q35", Virtio, |_| {})?;
    let work = format!("{{\"execute\":\"guest-ping\"}}{}\n", " ".repeat(60_000));
    // A slow host may have taken a while to boot it.
    let before = falls_below(&mut agent, 0.1)?;
    let start = times(&mut agent)?.0;
    // Busy for longer than the window in which the load is taken.
    while times(&mut agent)?.0 < start + 3_000 {
        agent.request(&work, soon())?;
    }
    let busy = soon().poll_every(BETWEEN_LOOKS, "a higher load", || {
        let load = load(&mut agent)?;
        Ok((load > before).then_some(load))
    })?;
    falls_below(&mut agent, busy).map(drop)
}

#[test]
fn requests_of_128_kib_are_taken() -> Result<()> {
    for (machine, channel) in [("q35", Virtio), ("microvm", Virtio), ("q35", Com2)] {
        let Booted { mut agent, guest: _guest } = booted(machine, channel, |_| {})?;
        let request = |length: usize| {
            let (begin, end) = (r#"{"execute":"guest-ping","id":""#, r#""}"#);
            format!("{begin}{}{end}", "x".repeat(length - begin.len() - end.len()))
        };
        let whole = agent.request(&request(128 << 10), soon())?;
        ensure!(whole.json()?["id"].as_str().is_some_and(|id| id.len() > 130_000), "{machine}, {channel}");
        let more = agent.request(&format!("{}\n", request((128 << 10) + 1)), soon())?;
        ensure!(more.json()?["error"]["desc"] == "JSON token size limit exceeded", "{}", more.text());
        synchronise(&mut agent, 2)?;
    }
    Ok(())
}

#[test]
fn it_answers_in_little_memory() -> Result<()> {
    for (machine, mib) in [("q35", 8), ("microvm", 2)] {
        booted(machine, Virtio, |config| config.memory_kib = mib << 10)?;
    }
    Ok(())
}

#[test]
fn the_power_button_switches_it_off() -> Result<()> {
    for machine in ["q35", "pc", "aarch64-virt"] {
        let Booted { agent: _agent, mut guest } = booted(machine, Virtio, |_| {})?;
        let mut qmp = guest.qmp(soon())?;
        qmp.execute("system_powerdown", json!({}), soon())?;
        let event = qmp.event("SHUTDOWN", soon())?;
        ensure!(event == json!({"guest": true, "reason": "guest-shutdown"}), "{machine}: {event}");
        let status = guest.wait(soon())?;
        ensure!(status.success(), "{machine}: QEMU ended with {status}{}", guest.tails());
        guest.console_shows("the power button was pressed", soon())?;
    }
    Ok(())
}
