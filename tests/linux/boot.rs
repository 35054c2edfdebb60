//! The agent as the first process of a guest: its channels, its payload, its children.

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use tests::booted::{qemu_has_no_host, qemu_has_read, resynchronise, resynchronise_after_another, synchronise};
use tests::processor::{rests, smallest_share};
use tests::{Booted, soon};

use crate::booted::{boot, boot_with};
use crate::inside::{busybox, run};

#[test]
fn a_virtio_port_is_found_by_its_name_without_udev() -> Result<()> {
    let mut guest = boot_with(Channel::Virtio, &[], |config| config.other_ports = 3)?;
    guest.transcript(&[(r#"{"execute":"guest-ping","id":1}"#, r#"{"return": {}, "id": 1}"#)])
}

#[test]
fn a_host_that_leaves_in_mid_message_and_returns_finds_a_clean_parser() -> Result<()> {
    let Booted { mut agent, mut guest } = boot_with(Channel::Virtio, &[], |config| config.append += " -v")?;
    for id in 1..=10 {
        agent.send(br#"{"execute":"guest-sync","arguments":{"id":"#, soon())?;
        qemu_has_read(&mut guest)?;
        let heard = |guest: &Guest| guest.console().matches("debug: the host is gone").count();
        let before = heard(&guest);
        drop(agent);
        soon()
            .poll("an agent without a host", || Ok((heard(&guest) > before).then_some(())))
            .with_context(|| guest.tails())?;
        agent = guest.connect(soon())?;
        synchronise(&mut agent, id)?;
    }
    Ok(())
}

#[test]
fn a_host_that_leaves_without_its_replies_is_forgotten() -> Result<()> {
    let Booted { mut agent, mut guest } = boot(Channel::Virtio)?;
    for id in 1..=3 {
        agent.send(&br#"{"execute":"guest-info"}"#.repeat(200), soon())?;
        drop(agent);
        qemu_has_no_host(&mut guest)?;
        agent = guest.connect(soon())?;
        // What the guest asked for and had on its way may still come, then the agent is in step.
        resynchronise_after_another(&mut agent, id)?;
    }
    Ok(())
}

#[test]
fn without_a_host_the_agent_sleeps() -> Result<()> {
    let Booted { mut agent, mut guest } = boot(Channel::Virtio)?;
    let with_host = smallest_share(guest.pid())?;
    synchronise(&mut agent, 2)?;
    drop(agent);
    // A port without a host is one that poll(2) never waits for.
    rests(guest.pid(), with_host + 0.02).with_context(|| format!("with a host it takes {with_host:.3} of a core"))?;
    synchronise(&mut guest.connect(soon())?, 3)
}

#[test]
fn a_serial_line_carries_bytes_as_they_are() -> Result<()> {
    let mut guest = boot(Channel::Com2)?;
    guest.transcript(&[(
        r#"{"execute":"guest-ping","id":"\r\n\u0003\u0004"}"#,
        r#"{"return": {}, "id": "\r\n\u0003\u0004"}"#,
    )])?;
    let id = "x".repeat(10_000);
    let request = format!(r#"{{"execute":"guest-ping","id":"{id}"}}"#);
    guest.transcript(&[(&request, &format!(r#"{{"return": {{}}, "id": "{id}"}}"#))])?;
    guest.agent.send(b"{", soon())?;
    ensure!(resynchronise(&mut guest.agent, 2)?.len() == 1);
    Ok(())
}

#[test]
fn what_programs_expect_in_dev_is_there() -> Result<()> {
    let Booted { mut agent, guest: _guest } = boot_with(Channel::Virtio, &[busybox()?], |_| {})?;
    let told = run(
        &mut agent,
        "echo shared > /dev/shm/file && busybox cat < /dev/shm/file && echo given | busybox cat /dev/stdin && \
         echo said > /dev/stdout && echo said > /dev/fd/1 && busybox test -c /dev/ptmx && busybox grep -c devpts /proc/mounts",
    )?;
    ensure!(told == "shared\ngiven\nsaid\nsaid\n1\n", "{told}");
    Ok(())
}

#[test]
fn a_payload_runs_and_is_started_again_when_it_ends() -> Result<()> {
    let booted = boot_with(Channel::Virtio, &[], |config| config.append += " --payload=\"/init --version\"")?;
    soon().poll("the payload's second run", || {
        let runs = booted.guest.console().matches("QEMU Guest Agent").count();
        Ok((runs >= 2).then_some(()))
    })
}
