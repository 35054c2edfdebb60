//! The appliance's agent on vsock.

use std::io::{Read, Write};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::agent::Agent;
use nanoqga_testkit::files::{pull, push};
use nanoqga_testkit::machine::Channel::{self, Com2, Virtio};
use serde_json::json;
use tests::booted::{resynchronise, synchronise};
use tests::disk::Disk;
use tests::hostile::Noise;
use tests::sockets::{PORT, Vsock};
use tests::{recorded, soon};

fn words() -> String {
    format!("agent=vsock:{PORT}")
}

fn booted(machine: &str) -> Result<Vsock> {
    Vsock::boot(machine, &words(), &[], |_| ())
}

/// All recorded conversations, hosts that leave at any moment, and one that asks for the end and does not wait for it.
fn row(machine: &str, hosts: usize) -> Result<()> {
    let mut vsock = booted(machine)?;
    recorded::hold_all(&mut vsock.connect()?)?;
    come_and_leave(&vsock, hosts)?;
    synchronise(&mut vsock.connect()?, 7)?;
    vsock.stream()?.write_all(br#"{"execute":"guest-shutdown"}"#)?;
    ensure!(vsock.guest.ended()?.success(), "{}", vsock.guest.tails());
    Ok(())
}

/// Hosts connect, send a part of a request or all of it, read a part of its reply or all of it, and leave.
fn come_and_leave(vsock: &Vsock, hosts: usize) -> Result<()> {
    let mut noise = Noise::new(1);
    let mut answered = 0;
    for id in 0..hosts {
        let mut stream = vsock.stream()?;
        let request = format!("{{\"execute\":\"guest-sync\",\"arguments\":{{\"id\":{id}}}}}");
        let asked = if noise.one_in(2) { request.len() } else { noise.below(request.len()) };
        stream.write_all(&request.as_bytes()[..asked])?;
        if asked == request.len() && noise.one_in(2) {
            let reply = format!("{{\"return\": {id}}}\n");
            let mut read = vec![0; if noise.one_in(2) { reply.len() } else { noise.below(reply.len()) }];
            stream.read_exact(&mut read)?;
            ensure!(reply.as_bytes().starts_with(&read), "{} instead of {reply}", String::from_utf8_lossy(&read));
            answered += 1;
        }
    }
    ensure!(answered > hosts / 8, "only {answered} of {hosts} were answered");
    Ok(())
}

#[test]
fn q35() -> Result<()> {
    row("q35", 1000)
}

#[test]
fn microvm() -> Result<()> {
    row("microvm", 1000)
}

#[test]
fn aarch64_virt() -> Result<()> {
    row("aarch64-virt", 1000)
}

#[test]
fn aarch64_virt_pcie() -> Result<()> {
    row("aarch64-virt-pcie", 100)
}

#[test]
fn riscv64_virt() -> Result<()> {
    row("riscv64-virt", 1000)
}

#[test]
fn riscv64_virt_pcie() -> Result<()> {
    row("riscv64-virt-pcie", 100)
}

#[test]
fn ten_thousand_hosts_take_no_memory() -> Result<()> {
    let mut vsock = booted("pc")?;
    come_and_leave(&vsock, 100)?;
    let before = free_memory(&mut vsock, 1)?;
    come_and_leave(&vsock, 10_000)?;
    let after = free_memory(&mut vsock, 2)?;
    ensure!(after == before, "{before} became {after}");
    Ok(())
}

/// What the guest says of its free memory after it has looked at a device that comes, the `nth` one.
fn free_memory(vsock: &mut Vsock, nth: usize) -> Result<String> {
    let device = json!({"driver": "virtio-rng-pci", "id": format!("rng{nth}")});
    vsock.guest.qmp(soon())?.execute("device_add", device, soon())?;
    let mut agent = vsock.connect()?;
    soon().poll("the guest's look at the device", || {
        let log = agent.execute("nanoqga-log", json!({}), soon())?;
        let lines = log.as_array().context("a log is a list")?.iter().filter_map(|line| line.as_str());
        Ok(lines.filter(|line| line.ends_with("KiB of memory are free")).nth(nth - 1).map(String::from))
    })
}

#[test]
fn a_large_file_is_the_same_on_both_sides() -> Result<()> {
    let content: Vec<u8> = (0..64_usize << 20).map(|place| (place * 7 / 3 + place / 4096) as u8).collect();
    let disk = Disk::fat(32, 100 << 10)?;
    let mut vsock = Vsock::boot("q35", &words(), &[], |config| disk.attach(config, "", ""))?;
    let mut agent = Agent::over(vsock.connect()?);
    push(&mut agent, &mut &content[..], "/large", &mut |_| ())?;
    let mut read = Vec::new();
    pull(&mut agent, "/large", &mut read, &mut |_| ())?;
    ensure!(read == content, "{} bytes came back, and others", read.len());
    vsock.stream()?.write_all(br#"{"execute":"guest-shutdown"}"#)?;
    ensure!(vsock.guest.ended()?.success(), "{}", vsock.guest.tails());
    ensure!(disk.get("/large")? == content, "another file is on the disk");
    Ok(())
}

#[test]
fn one_that_does_not_read_keeps_only_itself_waiting() -> Result<()> {
    let disk = Disk::fat(16, 32 << 10)?;
    let content = vec![b'x'; 8 << 20];
    let vsock = Vsock::boot("q35", &words(), &[], |config| disk.attach(config, "", ""))?;
    let mut agent = Agent::over(vsock.connect()?);
    push(&mut agent, &mut &content[..], "/file", &mut |_| ())?;
    let handle = vsock.connect()?.execute("guest-file-open", json!({"path": "/file"}), soon())?;
    // Two ask for more than all buffers between here and there hold, and read nothing.
    let mut silent = Vec::new();
    for _ in 0..2 {
        let mut stream = vsock.stream()?;
        let request = json!({"execute": "guest-file-read", "arguments": {"handle": handle, "count": 4 << 20}});
        stream.write_all(request.to_string().as_bytes())?;
        silent.push(stream);
    }
    for id in 0..100 {
        synchronise(&mut vsock.connect()?, id)?;
    }
    // Both get their replies all the same.
    for mut stream in silent {
        let (mut line, mut piece) = (Vec::new(), vec![0; 1 << 16]);
        while line.last() != Some(&b'\n') {
            let count = stream.read(&mut piece)?;
            ensure!(count > 0, "the reply ends after {} bytes", line.len());
            line.extend(&piece[..count]);
        }
        ensure!(line.len() > 4 << 20, "{}", String::from_utf8_lossy(&line[..100]));
    }
    Ok(())
}

#[test]
fn four_are_served_and_a_fifth_is_refused() -> Result<()> {
    let vsock = booted("q35")?;
    let mut agents = Vec::new();
    for id in 0..4 {
        let mut agent = vsock.connect()?;
        synchronise(&mut agent, id)?;
        agents.push(agent);
    }
    ensure!(vsock.try_connect()?.is_none(), "a fifth host was served");
    for agent in &mut agents {
        synchronise(agent, 9)?;
    }
    agents.pop();
    synchronise(&mut vsock.connect()?, 10)
}

#[test]
fn every_channel_is_served_at_once() -> Result<()> {
    const OTHERS: [Channel; 2] = [Virtio, Com2];
    let mut vsock = Vsock::boot("q35", &words(), &OTHERS, |_| ())?;
    let mut agents = vec![vsock.connect()?];
    for index in 0..OTHERS.len() {
        agents.push(vsock.guest.connect_to(index, soon())?);
    }
    for id in 0..50 {
        for agent in &mut agents {
            synchronise(agent, id)?;
        }
    }
    // They share the guest: a file that one has opened is known to the others.
    let handle = agents[0].execute("guest-file-open", json!({"path": "/shared", "mode": "w"}), soon())?;
    for agent in &mut agents {
        agent.execute("guest-file-write", json!({"handle": handle, "buf-b64": "eA=="}), soon())?;
    }
    Ok(())
}

/// A host reads a long reply piece by piece, on each channel in turn. After each piece the others are answered: the reply has not ended, because
/// nobody has read it.
#[test]
fn a_long_reply_keeps_no_other_channel_waiting() -> Result<()> {
    const PIECE: usize = 16 << 10;
    const LENGTH: usize = 4 << 20;
    let disk = Disk::fat(16, 32 << 10)?;
    let mut vsock = Vsock::boot("q35", &words(), &[Virtio, Com2], |config| disk.attach(config, "", ""))?;
    push(&mut Agent::over(vsock.connect()?), &mut &vec![b'x'; LENGTH][..], "/file", &mut |_| ())?;
    // Whose reply is long, and how many pieces of it are read before the others: over a 16550, fewer bytes pass.
    for (long, pieces) in [(0, 100), (1, 100), (2, 3)] {
        let mut channels = vec![vsock.connect()?];
        for index in 0..2 {
            channels.push(vsock.guest.connect_to(index, soon())?);
        }
        let mut reader = channels.remove(long);
        resynchronise(&mut reader, 1)?;
        // The handle is all channels'.
        let handle = reader.execute("guest-file-open", json!({"path": "/file"}), soon())?;
        let mut reader = reader.into_stream()?;
        reader.set_read_timeout(Some(soon().limit()))?;
        let read = json!({"execute": "guest-file-read", "arguments": {"handle": handle, "count": LENGTH}});
        reader.write_all(read.to_string().as_bytes())?;
        let mut piece = vec![0; PIECE];
        for id in 0..pieces {
            reader.read_exact(&mut piece)?;
            ensure!(!piece.contains(&b'\n'), "the reply has ended");
            for channel in &mut channels {
                synchronise(channel, id).with_context(|| format!("beside channel {long}, after piece {id}"))?;
            }
        }
        if long < 2 {
            let mut length = pieces as usize * PIECE;
            while piece.last() != Some(&b'\n') {
                piece.resize(PIECE, 0);
                let count = reader.read(&mut piece)?;
                ensure!(count > 0, "the reply ends after {length} bytes");
                piece.truncate(count);
                length += count;
            }
            ensure!(length > LENGTH / 3 * 4, "the reply ends after {length} bytes");
        }
    }
    Ok(())
}

/// No host leaves while a guest goes to sleep, and none comes before its device is set up again: either could stop the device.
#[test]
fn hosts_are_served_again_after_a_sleep() -> Result<()> {
    for machine in ["q35", "pc"] {
        let mut vsock = Vsock::boot(machine, &words(), &[Virtio], |_| ())?;
        let mut qmp = vsock.guest.qmp(soon())?;
        let mut port = vsock.guest.connect(soon())?;
        let mut asleep = Vec::new();
        for round in 0..3 {
            let mut host = vsock.connect()?;
            synchronise(&mut host, round).with_context(|| format!("{machine}, round {round}"))?;
            host.send(br#"{"execute":"guest-suspend-ram"}{"execute":"guest-"#, soon())?;
            qmp.event("SUSPEND", soon())?;
            qmp.execute("system_wakeup", json!({}), soon())?;
            qmp.event("WAKEUP", soon())?;
            synchronise(&mut port, round)?;
            asleep.push(host);
        }
        // The guest knows nothing of who was there before, and says so.
        for mut host in asleep {
            host.send(b"ping\"}", soon())?;
            ensure!(host.line(soon()).is_err() && host.is_closed(), "{machine}: a connection outlived the sleep");
        }
        synchronise(&mut vsock.connect()?, 9)?;
    }
    Ok(())
}

/// The list is on a drive, which is read when the guest has been asked something else.
#[test]
fn a_list_that_comes_later_counts_on_every_connection() -> Result<()> {
    let drive = Disk::fat(12, 4 << 10)?;
    drive.run("mlabel", &["-i", "@", "::config-2"])?;
    drive.run("mmd", &["-i", "@", "::openstack", "::openstack/latest"])?;
    drive.put("openstack/latest/meta_data.json", br#"{"meta": {"nanoqga": "block=guest-get-time"}}"#)?;
    let vsock = Vsock::boot("q35", &words(), &[], |config| drive.attach(config, "", ""))?;
    let mut agents = [vsock.connect()?, vsock.connect()?];
    agents[0].execute("nanoqga-config", json!({}), soon())?;
    for agent in &mut agents {
        soon().poll("the list", || {
            let reply = agent.request(r#"{"execute":"guest-get-time"}"#, soon())?;
            Ok(reply.text().contains("has been disabled").then_some(()))
        })?;
    }
    Ok(())
}

/// QEMU's vhost-user device is of the host's context ID only, so `any` must not keep the host out.
#[test]
fn others_than_the_host_may_be_let_in_too() -> Result<()> {
    let vsock = Vsock::boot("q35", &format!("{},any", words()), &[], |_| ())?;
    synchronise(&mut vsock.connect()?, 1)
}

#[test]
fn without_its_word_the_device_is_not_used() -> Result<()> {
    let mut vsock = Vsock::boot("q35", "", &[Virtio], |_| ())?;
    synchronise(&mut vsock.guest.connect(soon())?, 1)?;
    vsock.guest.console_shows("is not used", soon())?;
    ensure!(vsock.try_connect()?.is_none(), "a host was served");
    synchronise(&mut vsock.guest.connect(soon())?, 2).context("the agent's port works")
}
