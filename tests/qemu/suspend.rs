//! guest-suspend-ram, and what the guest still knows and does when it has woken.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::machine::Channel::{self, Com1, Com2, Virtio, VirtioModern};
use nanoqga_testkit::qemu::Config;
use nanoqga_testkit::qmp::Qmp;
use serde_json::json;
use tests::booted::{resynchronise, synchronise};
use tests::images::APPLIANCE;
use tests::time::{SECOND, guest_time, has_gone_on, is_the_hosts};
use tests::{Booted, soon};

use crate::appliance::{sleeps, times};

/// How long a guest sleeps in memory.
const ASLEEP: Duration = Duration::from_secs(3);

const SUSPEND: &[u8] = br#"{"execute":"guest-suspend-ram"}"#;
const NOT_SUPPORTED: &str =
    r#"{"error": {"class": "GenericError", "desc": "the requested suspend mode is not supported by the guest"}}"#;

macro_rules! rows {
    ($($row:ident: $machine:literal over $channel:expr;)*) => {$(
        #[test]
        fn $row() -> Result<()> {
            sleeps_and_goes_on(booted($machine, $channel, |_| {})?)
        }
    )*};
}

rows! {
    q35_virtio: "q35" over Virtio;
    q35_virtio_modern: "q35" over VirtioModern;
    q35_uart: "q35" over Com2;
    q35_only_uart: "q35" over Com1;
    pc_virtio: "pc" over Virtio;
    pc_uart: "pc" over Com2;
}

fn booted(machine: &str, channel: Channel, adjust: impl FnOnce(&mut Config)) -> Result<Booted> {
    Booted::of(&APPLIANCE, machine, channel, adjust)
}

pub fn suspend(agent: &mut Client, qmp: &mut Qmp) -> Result<()> {
    agent.send(SUSPEND, soon())?;
    qmp.event("SUSPEND", soon())?;
    Ok(())
}

pub fn wake(qmp: &mut Qmp) -> Result<()> {
    qmp.execute("system_wakeup", json!({}), soon())?;
    qmp.event("WAKEUP", soon())?;
    Ok(())
}

#[test]
fn the_network_is_there_again() -> Result<()> {
    for machine in ["q35", "pc"] {
        let Booted { mut agent, mut guest } = booted(machine, Virtio, |config| _ = config.user_network())?;
        let mut qmp = guest.qmp(soon())?;
        let mut configure = |arguments| agent.execute("nanoqga-network-configure", arguments, soon());
        configure(json!({"name": "eth0", "address": "10.0.2.77", "prefix": 24}))?;
        suspend(&mut agent, &mut qmp)?;
        wake(&mut qmp)?;
        resynchronise(&mut agent, 2)?;
        // That there is a lease shows that frames go both ways.
        let mut configure = |arguments| agent.execute("nanoqga-network-configure", arguments, soon());
        configure(json!({"name": "eth0", "dhcp": true}))?;
        let told = agent.execute("guest-network-get-interfaces", json!({}), soon())?;
        ensure!(told[0]["ip-addresses"][0]["ip-address"] == "10.0.2.15", "{machine}: {told}");
    }
    Ok(())
}

/// Suspends a guest that runs, wakes it, and switches it off by its power button.
pub fn sleeps_and_goes_on(Booted { mut agent, mut guest }: Booted) -> Result<()> {
    let mut qmp = guest.qmp(soon())?;
    let start = Instant::now();
    let before = times(&mut agent)?;
    suspend(&mut agent, &mut qmp)?;
    thread::sleep(ASLEEP); // no wait: the guest counts this time
    wake(&mut qmp)?;
    // On success there is no reply: the first thing that comes is this one.
    ensure!(resynchronise(&mut agent, 2)?.is_empty(), "something was said unasked");
    let after = times(&mut agent)?;
    ensure!(after.0 >= before.0, "{before:?} ms awake and asleep before, {after:?} after");
    let asleep = u128::from(after.1 - before.1);
    let passed = start.elapsed().as_millis();
    // The machine's clock counts seconds.
    ensure!((1_500..passed + 2_000).contains(&asleep), "{asleep} ms asleep in {passed} ms");
    is_the_hosts(|| guest_time(&mut agent))?;
    // It sleeps between requests, and devices still wake it.
    sleeps(&mut agent)?;
    // The power button is armed again, and nobody has pressed it.
    qmp.execute("system_powerdown", json!({}), soon())?;
    let event = qmp.event("SHUTDOWN", soon())?;
    ensure!(event == json!({"guest": true, "reason": "guest-shutdown"}), "{event}");
    ensure!(guest.wait(soon())?.success(), "{}", guest.tails());
    Ok(())
}

#[test]
fn a_time_that_was_set_goes_on_through_a_sleep() -> Result<()> {
    let Booted { mut agent, mut guest } = booted("q35", Virtio, |_| {})?;
    let mut qmp = guest.qmp(soon())?;
    let set = 1_000_000_000 * SECOND;
    let start = Instant::now();
    agent.execute("guest-set-time", json!({"time": set}), soon())?;
    suspend(&mut agent, &mut qmp)?;
    thread::sleep(ASLEEP); // no wait: the guest counts this time
    wake(&mut qmp)?;
    // The machine's clock counts seconds.
    has_gone_on(set + ASLEEP.as_nanos() as i64 - SECOND, start, guest_time(&mut agent)?)
}

#[test]
fn a_request_that_comes_while_it_sleeps_is_answered_when_it_wakes() -> Result<()> {
    for machine in ["q35", "pc"] {
        let Booted { mut agent, mut guest } = booted(machine, Virtio, |_| {})?;
        let mut qmp = guest.qmp(soon())?;
        // What was asked before is answered before, and this begins after it.
        agent.send(&[SUSPEND, b"\n", br#"{"execute":"guest-ping","id":"before"}"#].concat(), soon())?;
        ensure!(agent.line(soon())? == br#"{"return": {}, "id": "before"}"#);
        qmp.event("SUSPEND", soon())?;
        agent.send(br#"{"execute":"guest-ping","id":"asleep"}"#, soon())?;
        wake(&mut qmp)?;
        let answer = agent.line(soon())?;
        ensure!(answer == br#"{"return": {}, "id": "asleep"}"#, "{}", String::from_utf8_lossy(&answer));
    }
    Ok(())
}

#[test]
fn half_a_request_is_forgotten_over_a_sleep() -> Result<()> {
    let Booted { mut agent, mut guest } = booted("q35", Virtio, |config| config.channels.push(Com2))?;
    let mut qmp = guest.qmp(soon())?;
    let mut other = guest.connect_to(1, soon())?;
    synchronise(&mut other, 2)?;
    agent.send(br#"{"execute":"guest-"#, soon())?;
    // The other channel's answer shows that the guest has been awake since.
    synchronise(&mut other, 3)?;
    suspend(&mut other, &mut qmp)?;
    wake(&mut qmp)?;
    synchronise(&mut agent, 4)?;
    resynchronise(&mut other, 5)?;
    Ok(())
}

#[test]
fn it_sleeps_again_and_again_and_loses_no_memory() -> Result<()> {
    // So often, the pages of the console's queues are more than there are.
    let Booted { mut agent, mut guest } = booted("q35", Virtio, |config| config.memory_kib = 8 << 10)?;
    let mut qmp = guest.qmp(soon())?;
    for cycle in 0..150 {
        suspend(&mut agent, &mut qmp)?;
        wake(&mut qmp)?;
        synchronise(&mut agent, cycle).with_context(|| format!("cycle {cycle}"))?;
    }
    Ok(())
}

#[test]
fn every_channel_comes_back_on_a_guest_with_more_of_everything() -> Result<()> {
    let Booted { mut agent, mut guest } = booted("q35", Virtio, |config| {
        config.channels.push(Com2);
        config.other_ports = 15;
        config.processors = 2;
        config.memory_kib = 4 << 20;
    })?;
    let mut qmp = guest.qmp(soon())?;
    suspend(&mut agent, &mut qmp)?;
    wake(&mut qmp)?;
    synchronise(&mut agent, 2)?;
    resynchronise(&mut guest.connect_to(1, soon())?, 3)?;
    Ok(())
}

#[test]
fn a_guest_that_cannot_says_so_and_goes_on() -> Result<()> {
    let without_s3 = |global: &'static str| move |config: &mut Config| _ = config.argument("-global", global);
    refused(booted("q35", Virtio, without_s3("ICH9-LPC.disable_s3=1"))?)?;
    refused(booted("pc", Virtio, without_s3("PIIX4_PM.disable_s3=1"))?)?;
    refused(booted("microvm", Virtio, |_| {})?)?;
    refused(booted("aarch64-virt", Virtio, |_| {})?)?;
    refused(booted("microvm-noacpi", Com1, |_| {})?)
}

fn refused(mut guest: Booted) -> Result<()> {
    guest.transcript(&[
        (r#"{"execute":"guest-suspend-ram"}"#, NOT_SUPPORTED),
        (r#"{"execute":"guest-ping"}"#, r#"{"return": {}}"#),
    ])
}

#[test]
fn no_guest_suspends_to_a_disk() -> Result<()> {
    booted("q35", Virtio, |_| {})?.transcript(&[
        (r#"{"execute":"guest-suspend-disk"}"#, NOT_SUPPORTED),
        (r#"{"execute":"guest-suspend-hybrid"}"#, NOT_SUPPORTED),
        (r#"{"execute":"guest-ping"}"#, r#"{"return": {}}"#),
    ])
}
