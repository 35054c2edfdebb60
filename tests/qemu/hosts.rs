//! Hosts that behave badly, or in a hurry.

use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, anyhow, ensure};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use serde_json::{Value, json};
use tests::booted::{config, synchronise, synchronise_after_firmware};
use tests::hosts::come_and_go;
use tests::{Booted, soon};

use crate::rows::Row;

/// A host leaves in the middle of a message, and another one comes.
pub fn leaves_and_returns(row: Row) -> Result<()> {
    come_and_go(row.boot()?, row.channel.is_serial()).map(drop)
}

#[test]
fn what_an_absent_host_asked_for_is_not_told_to_the_next() -> Result<()> {
    let Booted { mut agent, mut guest } = Booted::new("q35", Channel::Virtio)?;
    synchronise(&mut agent, 1)?;
    drop(agent);
    let mut agent = guest.connect(soon())?;
    // At the second one, the guest has heard of its new host, too.
    synchronise(&mut agent, 2)?;
    synchronise(&mut agent, 3)
}

/// More replies than any buffer on the way can hold.
const UNREAD: usize = 3000;

#[test]
fn a_host_that_never_reads_stalls_no_other() -> Result<()> {
    let mut config = config("q35", Channel::Virtio)?;
    config.channels.push(Channel::Com2);
    let mut guest = Guest::start(&config)?;
    let mut greedy = guest.connect_to(0, soon())?;
    let mut other = guest.connect_to(1, soon())?;
    synchronise(&mut greedy, 1)?;
    synchronise(&mut other, 1)?;

    let stream = greedy.into_stream()?;
    stream.set_read_timeout(Some(soon().limit()))?;
    let mut writer = stream.try_clone()?;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let sending = thread::spawn(move || {
        (0..UNREAD).try_for_each(|id| {
            counted.store(id, Ordering::Relaxed);
            writer.write_all(format!("{{\"execute\":\"guest-info\",\"id\":{id}}}").as_bytes())
        })
    });
    // Every buffer between the agent and its host is full when no request gets on its way while the other is answered.
    soon().poll("the greedy host's standstill", || {
        let before = sent.load(Ordering::Relaxed);
        for id in 1..=50 {
            synchronise(&mut other, id)?;
        }
        Ok((before > 0 && sent.load(Ordering::Relaxed) == before).then_some(()))
    })?;
    ensure!(!sending.is_finished(), "{UNREAD} unread replies were not enough to fill the way");

    // Once the host reads, it gets every reply, whole and in order.
    let mut lines = BufReader::new(stream).lines();
    for id in 0..UNREAD {
        let line = lines.next().ok_or_else(|| anyhow!("the channel ended before reply {id}"))??;
        let reply: Value = serde_json::from_str(&line)?;
        ensure!(reply["id"] == id, "reply {id} was due, but there came {line}");
        ensure!(reply["return"]["supported_commands"].is_array(), "{line}");
    }
    sending.join().map_err(|_| anyhow!("the sender failed"))??;
    Ok(())
}

#[test]
fn a_thousand_requests_in_one_write_get_a_thousand_replies_in_order() -> Result<()> {
    for (machine, channel) in [
        ("q35", Channel::Virtio),
        ("microvm", Channel::Virtio),
        ("q35", Channel::Com2),
        ("riscv64-virt", Channel::Virtio),
        ("riscv64-virt", Channel::Com2),
        ("aarch64-virt-pcie", Channel::Virtio),
        ("aarch64-virt", Channel::Com2),
    ] {
        let Booted { mut agent, guest: _guest } = Booted::new(machine, channel)?;
        let requests: String = (0..1000).map(|id| format!("{{\"execute\":\"guest-ping\",\"id\":{id}}}\n")).collect();
        agent.send(requests.as_bytes(), soon())?;
        for id in 0..1000 {
            let line = String::from_utf8(agent.line(soon())?)?;
            ensure!(line == format!("{{\"return\": {{}}, \"id\": {id}}}"), "{machine}: {line} came as reply {id}");
        }
        synchronise(&mut agent, 1)?;
    }
    Ok(())
}

/// A UART's FIFO is small and firmware runs first: what a host sends at the start of QEMU must wait, not get lost.
#[test]
fn the_first_request_arrives_whole_though_it_was_sent_before_the_guest_ran() -> Result<()> {
    let id = "x".repeat(300);
    let request = json!({"execute": "guest-ping", "id": id}).to_string();
    for (machine, channel) in [
        ("q35", Channel::Com2),
        ("microvm", Channel::Com2),
        ("microvm", Channel::Com1),
        ("riscv64-virt", Channel::Com2),
        ("aarch64-virt", Channel::Com2),
    ] {
        let mut guest = Guest::start(&config(machine, channel)?)?;
        let mut agent = guest.connect(soon())?;
        let reply = agent.request(&request, soon())?;
        ensure!(reply.json()? == json!({"return": {}, "id": id}), "{machine}, {channel}: {}", reply.text());
        synchronise(&mut agent, 1)?;
    }
    Ok(())
}

/// The board's UART on riscv64 is firmware's, too: it says something there, and throws away what was sent before.
#[test]
fn over_a_uart_that_firmware_has_used_a_host_gets_in_step() -> Result<()> {
    let mut guest = Guest::start(&config("riscv64-virt", Channel::Com1)?)?;
    let mut agent = guest.connect(soon())?;
    synchronise_after_firmware(&mut agent, 7)?;
    synchronise(&mut agent, 9)
}

#[test]
fn the_agents_port_is_found_by_its_name_among_sixteen() -> Result<()> {
    for machine in ["q35", "microvm", "riscv64-virt", "aarch64-virt"] {
        let mut booted = Booted::with(machine, Channel::Virtio, |config| config.other_ports = 15)?;
        booted.transcript(&[(r#"{"execute":"guest-ping","id":16}"#, r#"{"return": {}, "id": 16}"#)])?;
    }
    Ok(())
}
