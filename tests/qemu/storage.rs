//! The appliance's disks, its volume and the files on it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel::Virtio;
use nanoqga_testkit::qemu::Config;
use oracle::Engine;
use oracle::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tests::booted::resynchronise;
use tests::disk::Disk;
use tests::images::APPLIANCE;
use tests::processor::share_during;
use tests::{Booted, soon};

use crate::appliance::sleeps;

/// How often mtools look into a disk.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// How long a frozen disk is watched.
const WATCHED: Duration = Duration::from_millis(500);

fn booted(machine: &str, adjust: impl FnOnce(&mut Config)) -> Result<Booted> {
    Booted::of(&APPLIANCE, machine, Virtio, adjust)
}

fn with_disk(machine: &str, disk: &Disk) -> Result<Booted> {
    booted(machine, |config| disk.attach(config, "", ""))
}

fn open(agent: &mut Client, path: &str, mode: &str) -> Result<i64> {
    let handle = agent.execute("guest-file-open", json!({"path": path, "mode": mode}), soon())?;
    Ok(handle.as_i64().unwrap_or(-1))
}

fn about(agent: &mut Client, command: &str, handle: i64) -> Result<Value> {
    agent.execute(command, json!({"handle": handle}), soon())
}

/// All of a file, in pieces of `count`.
pub fn read(agent: &mut Client, path: &str, count: usize) -> Result<Vec<u8>> {
    let handle = open(agent, path, "r")?;
    let mut content = Vec::new();
    loop {
        let read = agent.execute("guest-file-read", json!({"handle": handle, "count": count}), soon())?;
        content.extend(BASE64_STANDARD.decode(read["buf-b64"].as_str().unwrap_or_default())?);
        if read["eof"] == true {
            break;
        }
    }
    about(agent, "guest-file-close", handle)?;
    Ok(content)
}

/// Base64 in lines, as Proxmox and others send it.
fn in_lines(bytes: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(bytes);
    encoded.as_bytes().chunks(76).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

fn write(agent: &mut Client, handle: i64, bytes: &[u8]) -> Result<()> {
    let written = agent.execute("guest-file-write", json!({"handle": handle, "buf-b64": in_lines(bytes)}), soon())?;
    ensure!(written == json!({"count": bytes.len(), "eof": false}), "{written}");
    Ok(())
}

/// A file written in requests of 60 KiB, and closed.
pub fn put(agent: &mut Client, path: &str, content: &[u8]) -> Result<()> {
    let handle = open(agent, path, "w")?;
    for part in content.chunks(60 << 10) {
        write(agent, handle, part)?;
    }
    about(agent, "guest-file-close", handle).map(drop)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 7 / 3 + place / 4096) as u8).collect()
}

/// What the agent says when it cannot.
fn refusal(agent: &mut Client, command: &str, arguments: Value) -> Result<String> {
    let reply = agent.request(&json!({"execute": command, "arguments": arguments}).to_string(), soon())?;
    let reply = reply.json()?;
    Ok(reply["error"]["desc"].as_str().with_context(|| format!("{command} must fail, but gave {reply}"))?.into())
}

fn refused_open(agent: &mut Client, path: &str, mode: &str) -> Result<String> {
    let said = refusal(agent, "guest-file-open", json!({"path": path, "mode": mode}))?;
    let cause = said.strip_prefix(&format!("failed to open file '{path}' (mode: '{mode}'): "));
    Ok(cause.with_context(|| said.clone())?.into())
}

fn ask(agent: &mut Client, command: &str) -> Result<Value> {
    agent.execute(command, json!({}), soon())
}

/// Switches the guest off through the agent.
fn power_down(mut agent: Client, mut guest: Guest) -> Result<()> {
    agent.send(b"{\"execute\":\"guest-shutdown\"}\n", soon())?;
    let status = guest.wait(soon())?;
    ensure!(status.success(), "QEMU ended with {status}{}", guest.tails());
    Ok(())
}

#[test]
fn files_of_every_kind_of_fat_are_read() -> Result<()> {
    for (bits, kib) in [(12, 2 << 10), (16, 16 << 10), (32, 64 << 10)] {
        let disk = Disk::fat(bits, kib)?;
        disk.run("mmd", &["-i", "@", "::dir"])?;
        disk.put("dir/a file with a long name.txt", &pattern(100_000))?;
        disk.put("EMPTY", b"")?;
        let before = fs::read(disk.path())?;
        let Booted { mut agent, guest } = with_disk("q35", &disk)?;
        ensure!(read(&mut agent, "/dir/A file with a LONG name.txt", 48 << 10)? == pattern(100_000), "FAT{bits}");
        ensure!(read(&mut agent, "/empty", 1)? == b"", "FAT{bits}");
        power_down(agent, guest)?;
        ensure!(fs::read(disk.path())? == before, "FAT{bits}: who only reads changes nothing");
    }
    Ok(())
}

macro_rules! written {
    ($($row:ident: $machine:literal, $bits:literal, $kib:expr;)*) => {$(
        #[test]
        fn $row() -> Result<()> {
            a_mebibyte_is_written($machine, $bits, $kib)
        }
    )*};
}

written! {
    a_mebibyte_on_q35: "q35", 32, 64 << 10;
    a_mebibyte_on_pc: "pc", 16, 16 << 10;
    a_mebibyte_on_microvm: "microvm", 12, 4 << 10;
    a_mebibyte_on_microvm_noacpi: "microvm-noacpi", 16, 16 << 10;
}

fn a_mebibyte_is_written(machine: &str, bits: u32, kib: u64) -> Result<()> {
    let disk = Disk::fat(bits, kib)?;
    disk.put("before", &pattern(5000))?;
    let Booted { mut agent, guest } = with_disk(machine, &disk)?;
    put(&mut agent, "/written by the agent.bin", &pattern(1 << 20))?;
    ensure!(read(&mut agent, "/written by the agent.bin", 1 << 20)? == pattern(1 << 20));
    if guest_can_power_off(machine) {
        power_down(agent, guest)?;
        disk.is_clean()?;
    } else {
        // What was closed is there, however the guest ends.
        drop((agent, guest));
        disk.repair()?;
    }
    ensure!(disk.get("written by the agent.bin")? == pattern(1 << 20));
    ensure!(disk.get("before")? == pattern(5000));
    Ok(())
}

pub fn guest_can_power_off(machine: &str) -> bool {
    nanoqga_testkit::machine::Machine::named(machine).is_ok_and(|machine| machine.powers_off)
}

#[test]
fn modes_positions_and_ends_are_those_of_c() -> Result<()> {
    let disk = Disk::fat(12, 2 << 10)?;
    disk.put("text", b"0123456789")?;
    with_disk("q35", &disk)?.transcript(&[
        (r#"{"execute":"guest-file-open","arguments":{"path":"/text","mode":"r+"}}"#, r#"{"return": 1000}"#),
        (
            r#"{"execute":"guest-file-seek","arguments":{"handle":1000,"offset":-3,"whence":"end"}}"#,
            r#"{"return": {"position":7,"eof":false}}"#,
        ),
        (
            r#"{"execute":"guest-file-read","arguments":{"handle":1000,"count":3}}"#,
            r#"{"return": {"buf-b64":"Nzg5","count":3,"eof":false}}"#,
        ),
        (
            r#"{"execute":"guest-file-read","arguments":{"handle":1000}}"#,
            r#"{"return": {"buf-b64":"","count":0,"eof":true}}"#,
        ),
        (
            r#"{"execute":"guest-file-seek","arguments":{"handle":1000,"offset":2,"whence":0}}"#,
            r#"{"return": {"position":2,"eof":false}}"#,
        ),
        (
            r#"{"execute":"guest-file-write","arguments":{"handle":1000,"buf-b64":"QUJD"}}"#,
            r#"{"return": {"count":3,"eof":false}}"#,
        ),
        (r#"{"execute":"guest-file-open","arguments":{"path":"/text","mode":"a"}}"#, r#"{"return": 1001}"#),
        (
            r#"{"execute":"guest-file-write","arguments":{"handle":1001,"buf-b64":"IQ=="}}"#,
            r#"{"return": {"count":1,"eof":false}}"#,
        ),
        (
            r#"{"execute":"guest-file-read","arguments":{"handle":1001}}"#,
            r#"{"error": {"class": "GenericError", "desc": "Bad file descriptor"}}"#,
        ),
        (r#"{"execute":"guest-file-close","arguments":{"handle":1001}}"#, r#"{"return": {}}"#),
        (
            r#"{"execute":"guest-file-seek","arguments":{"handle":1000,"offset":0,"whence":"set"}}"#,
            r#"{"return": {"position":0,"eof":false}}"#,
        ),
        // 01ABC56789!
        (
            r#"{"execute":"guest-file-read","arguments":{"handle":1000}}"#,
            r#"{"return": {"buf-b64":"MDFBQkM1Njc4OSE=","count":11,"eof":true}}"#,
        ),
        (r#"{"execute":"guest-file-flush","arguments":{"handle":1000}}"#, r#"{"return": {}}"#),
        (
            r#"{"execute":"guest-file-close","arguments":{"handle":1001}}"#,
            r#"{"error": {"class": "GenericError", "desc": "handle '1001' has not been found"}}"#,
        ),
        (
            r#"{"execute":"guest-file-open","arguments":{"path":"/none"}}"#,
            concat!(
                r#"{"error": {"class": "GenericError", "desc": "#,
                r#""failed to open file '/none' (mode: 'r'): No such file or directory"}}"#
            ),
        ),
    ])
}

#[test]
fn qemu_killed_in_the_middle_of_writes_loses_no_closed_file() -> Result<()> {
    for (bits, kib, writes) in [(12, 4 << 10, 2), (16, 16 << 10, 9), (16, 16 << 10, 25), (32, 64 << 10, 15)] {
        let disk = Disk::fat(bits, kib)?;
        disk.put("old", &pattern(30_000))?;
        let Booted { mut agent, guest } = with_disk("q35", &disk)?;
        put(&mut agent, "/closed", &pattern(100_000))?;
        let growing = open(&mut agent, "/growing", "w")?;
        // More than it has done when it is killed.
        let request = json!({"handle": growing, "buf-b64": in_lines(&pattern(60 << 10))});
        let request = format!("{}\n", json!({"execute": "guest-file-write", "arguments": request}));
        let flush = format!("{}\n", json!({"execute": "guest-file-flush", "arguments": {"handle": growing}}));
        for _ in 0..writes {
            agent.send(request.as_bytes(), soon())?;
            agent.send(flush.as_bytes(), soon())?;
            agent.line(soon())?;
        }
        // Its end is a SIGKILL.
        drop(guest);
        let said = disk.repair()?;
        ensure!(said.contains("Dirty bit is set"), "it was not killed while it wrote: {said}");
        ensure!(disk.get("old")? == pattern(30_000), "FAT{bits} after {writes} writes");
        ensure!(disk.get("closed")? == pattern(100_000), "FAT{bits} after {writes} writes");
    }
    Ok(())
}

#[test]
fn what_is_neither_closed_nor_flushed_is_written_after_a_while() -> Result<()> {
    let disk = Disk::fat(16, 16 << 10)?;
    let Booted { mut agent, guest } = with_disk("q35", &disk)?;
    let handle = open(&mut agent, "/file", "w")?;
    write(&mut agent, handle, b"content")?;
    // Until then mtools may find no file, or half of one.
    soon().poll_every(BETWEEN_LOOKS, "the file on the disk", || {
        Ok(disk.get("file").is_ok_and(|content| content == b"content").then_some(()))
    })?;
    // Nobody has asked for anything meanwhile, and it goes on as before.
    write(&mut agent, handle, b" and more")?;
    power_down(agent, guest)?;
    disk.is_clean()?;
    ensure!(disk.get("file")? == b"content and more");
    Ok(())
}

#[test]
fn every_way_down_leaves_a_clean_volume() -> Result<()> {
    for way in ["powerdown", "halt", "reboot", "button"] {
        let disk = Disk::fat(16, 16 << 10)?;
        let Booted { mut agent, mut guest } = with_disk("q35", &disk)?;
        let handle = open(&mut agent, "/left open", "w")?;
        write(&mut agent, handle, &pattern(70_000))?;
        match way {
            "button" => _ = guest.qmp(soon())?.execute("system_powerdown", json!({}), soon())?,
            mode => agent.send(
                format!("{{\"execute\":\"guest-shutdown\",\"arguments\":{{\"mode\":\"{mode}\"}}}}\n").as_bytes(),
                soon(),
            )?,
        }
        match way {
            "halt" => guest.console_shows("halted", soon())?,
            _ => ensure!(guest.wait(soon())?.success(), "{way}"),
        }
        disk.is_clean().with_context(|| way.to_string())?;
        ensure!(disk.get("left open")? == pattern(70_000), "{way}");
    }
    Ok(())
}

#[test]
fn a_full_disk_is_told_and_stays_in_order() -> Result<()> {
    let disk = Disk::fat(12, 1 << 10)?;
    let Booted { mut agent, guest } = with_disk("q35", &disk)?;
    let handle = open(&mut agent, "/big", "w")?;
    let arguments = json!({"handle": handle, "buf-b64": BASE64_STANDARD.encode(pattern(60 << 10))});
    let mut total = 0;
    let said = loop {
        let request = json!({"execute": "guest-file-write", "arguments": arguments}).to_string();
        let reply = agent.request(&request, soon())?.json()?;
        match reply["return"]["count"].as_u64() {
            Some(count) => total += count,
            None => break reply["error"]["desc"].clone(),
        }
    };
    ensure!(said == "No space left on device", "{said}");
    about(&mut agent, "guest-file-close", handle)?;
    let info = ask(&mut agent, "guest-get-fsinfo")?;
    ensure!(info[0]["used-bytes"] == info[0]["total-bytes"], "{info}");
    ensure!(refused_open(&mut agent, "/no/where", "w")? == "No such file or directory");
    power_down(agent, guest)?;
    disk.is_clean()?;
    ensure!(disk.get("big")?.len() as u64 == total && total > 900 << 10, "{total} bytes");
    Ok(())
}

#[test]
fn a_read_only_disk_is_read() -> Result<()> {
    for machine in ["q35", "microvm", "riscv64-virt", "aarch64-virt-pcie"] {
        let disk = Disk::fat(16, 16 << 10)?;
        disk.put("file", b"content")?;
        let Booted { mut agent, guest } = booted(machine, |config| disk.attach(config, ",readonly=on", ""))?;
        ensure!(read(&mut agent, "/file", 100)? == b"content");
        for mode in ["w", "a", "r+"] {
            ensure!(refused_open(&mut agent, "/file", mode)? == "Read-only file system");
        }
        let trimmed = ask(&mut agent, "guest-fstrim")?;
        ensure!(trimmed == json!({"paths": [{"path": "/", "error": "Read-only file system"}]}), "{trimmed}");
        ensure!(ask(&mut agent, "guest-fsfreeze-freeze")? == 1);
        ensure!(ask(&mut agent, "guest-fsfreeze-thaw")? == 1);
        power_down(agent, guest)?;
    }
    Ok(())
}

/// Boots with a disk on which everything of a kind fails.
fn failing(disk: &Disk, kind: &str) -> Result<Booted> {
    let rules = disk.folder().join("rules");
    fs::write(&rules, format!("[inject-error]\nevent = \"none\"\niotype = \"{kind}\"\nerrno = \"5\"\n"))?;
    let image = disk.path().display();
    let drive = format!("driver=raw,file.driver=blkdebug,file.config={},file.image.filename={image}", rules.display());
    booted("q35", |config| _ = config.disk(&drive, ""))
}

#[test]
fn a_disk_that_cannot_be_read_is_told() -> Result<()> {
    let disk = Disk::fat(16, 16 << 10)?;
    let Booted { mut agent, guest } = failing(&disk, "read")?;
    ensure!(refused_open(&mut agent, "/file", "r")? == "/dev/vda: Input/output error");
    ensure!(refused_open(&mut agent, "/file", "w")? == "/dev/vda: Input/output error");
    ensure!(ask(&mut agent, "guest-get-fsinfo")? == json!([]));
    ensure!(ask(&mut agent, "guest-fsfreeze-freeze")? == 0);
    ensure!(ask(&mut agent, "guest-get-disks")?[0]["name"] == "/dev/vda");
    power_down(agent, guest)
}

#[test]
fn a_disk_that_cannot_be_written_or_flushed_is_told_and_read() -> Result<()> {
    for kind in ["write", "flush"] {
        let disk = Disk::fat(16, 16 << 10)?;
        disk.put("file", &pattern(50_000))?;
        let Booted { mut agent, guest } = failing(&disk, kind)?;
        // The first write is at once, as it notes that the volume is in use.
        let said = match kind {
            "write" => refused_open(&mut agent, "/new", "w")?,
            _ => {
                let handle = open(&mut agent, "/new", "a")?;
                refusal(&mut agent, "guest-file-flush", json!({"handle": handle}))?
            }
        };
        ensure!(said == "Input/output error", "{kind}: {said}");
        ensure!(refused_open(&mut agent, "/new", "w")? == "Read-only file system", "{kind}");
        ensure!(read(&mut agent, "/file", 30_000)? == pattern(50_000), "{kind}");
        ensure!(refusal(&mut agent, "guest-fsfreeze-freeze", json!({}))? == "Input/output error", "{kind}");
        power_down(agent, guest)?;
    }
    Ok(())
}

#[test]
fn without_a_disk_there_is_a_volume_in_memory() -> Result<()> {
    let Booted { mut agent, guest } = booted("q35", |_| {})?;
    put(&mut agent, "/file", &pattern(200_000))?;
    ensure!(read(&mut agent, "/file", 100_000)? == pattern(200_000));
    let info = ask(&mut agent, "guest-get-fsinfo")?;
    ensure!(info[0]["name"] == "ram" && info[0]["mountpoint"] == "/" && info[0]["disk"] == json!([]), "{info}");
    ensure!(info[0]["total-bytes"].as_u64() > info[0]["used-bytes"].as_u64(), "{info}");
    ensure!(ask(&mut agent, "guest-get-disks")? == json!([]));
    ensure!(ask(&mut agent, "guest-fsfreeze-freeze")? == 0, "memory has no disk to be consistent on");
    ensure!(ask(&mut agent, "guest-fsfreeze-status")? == "thawed");
    ensure!(ask(&mut agent, "guest-fstrim")? == json!({"paths": []}));
    power_down(agent, guest)
}

#[test]
fn a_disk_without_a_volume_is_named_and_nothing_is_lost_in_memory() -> Result<()> {
    let damaged = Disk::fat(16, 16 << 10)?;
    // Its root directory has no entries.
    damaged.patch(17, &[0, 0])?;
    let none = "no FAT volume";
    for (machine, disk, attached, reason) in [
        ("q35", Disk::blank(1 << 10)?, "", format!("/dev/vda: {none}")),
        ("microvm", Disk::blank(1)?, "", format!("/dev/vda: {none}")),
        ("q35", damaged, "", "/dev/vda: Structure needs cleaning".into()),
        (
            "q35",
            Disk::blank(1 << 10)?,
            ",logical_block_size=8192,physical_block_size=8192",
            "virtio disk: the device has blocks of an odd size".into(),
        ),
    ] {
        let Booted { mut agent, guest } = booted(machine, |config| disk.attach(config, "", attached))?;
        for mode in ["w", "a", "r", "r+"] {
            let said = refused_open(&mut agent, "/file", mode)?;
            ensure!(said == reason, "{said}");
        }
        ensure!(ask(&mut agent, "guest-get-fsinfo")? == json!([]));
        ensure!(ask(&mut agent, "guest-fsfreeze-freeze")? == 0);
        let disks = ask(&mut agent, "guest-get-disks")?;
        ensure!(disks.as_array().is_some_and(|disks| disks.len() == usize::from(attached.is_empty())), "{disks}");
        let log = ask(&mut agent, "nanoqga-log")?.to_string();
        ensure!(log.matches(&reason).count() <= 1 && log.contains(reason.trim_start_matches("virtio disk: ")), "{log}");
        power_down(agent, guest)?;
    }
    Ok(())
}

/// A volume that Linux mounts, on a disk.
struct Place {
    disk: Disk,
    /// Its first byte, and its size in KiB.
    start: usize,
    kib: u64,
    /// The size of the disk's logical blocks.
    block: u32,
}

impl Place {
    /// A volume all over a disk, as mkfs.fat makes it by these options.
    fn whole(kib: u64, options: &[&str]) -> Result<Self> {
        let disk = Disk::blank(kib)?;
        disk.run("mkfs.fat", &[options, &["@"]].concat())?;
        Ok(Self { disk, start: 0, kib, block: 512 })
    }

    /// The same with other bytes in it.
    fn patched(self, at: u64, bytes: &[u8]) -> Result<Self> {
        self.disk.patch(at, bytes)?;
        Ok(self)
    }

    /// A FAT16 volume of 20 MiB in a table that sfdisk makes, from a sector on.
    fn on_partition(table: &str, sector: usize) -> Result<Self> {
        let (disk, volume) = (Disk::blank(32 << 10)?, Disk::fat(16, 20 << 10)?);
        let script = disk.folder().join("script");
        fs::write(&script, table)?;
        let sfdisk = format!("PATH=$PATH:/usr/sbin:/sbin sfdisk --quiet \"$0\" < {}", script.display());
        disk.run("sh", &["-c", &sfdisk, "@"])?;
        disk.patch(sector as u64 * 512, &fs::read(volume.path())?)?;
        Ok(Self { disk, start: sector * 512, kib: 20 << 10, block: 512 })
    }

    /// What fsck.fat says about the volume, but for how full it is.
    fn checked(&self) -> Result<String> {
        let volume = Disk::blank(self.kib)?;
        let whole = fs::read(self.disk.path())?;
        let there = whole.len().min(self.start + (self.kib as usize * 1024));
        volume.patch(0, &whole[self.start..there])?;
        let said = volume.run("sh", &["-c", "PATH=$PATH:/usr/sbin:/sbin fsck.fat -n \"$0\"; [ $? -lt 2 ]", "@"])?;
        let lines = said.lines().filter(|line| !line.contains("clusters") && !line.contains("uninitialized"));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    fn boot(&self) -> Result<Booted> {
        let device = format!(",logical_block_size={0},physical_block_size={0}", self.block);
        booted("q35", |config| self.disk.attach(config, "", &device))
    }

    /// Writes a file in one guest, and reads it in the next one.
    fn use_in_two_guests(self, volume: &str) -> Result<()> {
        let before = self.checked()?;
        let Booted { mut agent, guest } = self.boot()?;
        put(&mut agent, "/a file with a long name", &pattern(300_000))?;
        let info = ask(&mut agent, "guest-get-fsinfo")?;
        ensure!(info[0]["name"] == volume, "{info}");
        power_down(agent, guest)?;
        let after = self.checked()?;
        ensure!(after == before, "before: {before}\nafter: {after}");
        let Booted { mut agent, guest } = self.boot()?;
        ensure!(read(&mut agent, "/a file with a long name", 60_000)? == pattern(300_000));
        power_down(agent, guest)
    }
}

#[test]
fn a_fat32_volume_of_few_clusters_is_used() -> Result<()> {
    Place::whole(33 << 10, &["-F", "32", "-s", "8"])?.use_in_two_guests("vda")?;
    // Its information sector is the boot sector, lies nowhere, or has been wiped.
    for (at, bytes) in [(48, vec![0, 0]), (48, vec![0xff, 0xff]), (512, vec![0; 512])] {
        Place::whole(64 << 10, &["-F", "32"])?.patched(at, &bytes)?.use_in_two_guests("vda")?;
    }
    Ok(())
}

#[test]
fn a_volume_without_a_jump_or_a_signature_is_used() -> Result<()> {
    Place::whole(16 << 10, &["-F", "16"])?.patched(0, &[0])?.patched(510, &[0, 0])?.use_in_two_guests("vda")
}

#[test]
fn a_disk_that_is_shorter_than_its_volume_is_used() -> Result<()> {
    for (bits, kib) in [("12", 1 << 10), ("16", 16 << 10), ("32", 40 << 10)] {
        let place = Place::whole(kib, &["-F", bits, "-s", "1"])?;
        fs::File::options().write(true).open(place.disk.path())?.set_len((kib << 10) - 3 * 512)?;
        place.use_in_two_guests("vda").context(bits)?;
    }
    Ok(())
}

#[test]
fn a_volume_with_sectors_of_4_kib_is_used() -> Result<()> {
    for options in [&["-S", "4096", "-F", "32", "-s", "1"][..], &["-S", "4096", "-F", "16", "-s", "1"]] {
        let mut place = Place::whole(33 << 10, options)?;
        place.block = 4096;
        place.use_in_two_guests("vda")?;
    }
    // A table that counts in blocks of 4 KiB.
    let mut place = Place::on_partition("label: dos\nstart=2048, size=2048\nstart=4096, size=40960\n", 4096)?;
    for field in [454, 458, 470, 474] {
        let bytes = fs::read(place.disk.path())?;
        let sectors = u32::from_le_bytes(bytes[field..field + 4].try_into()?);
        place = place.patched(field as u64, &(sectors / 8).to_le_bytes())?;
    }
    place.block = 4096;
    place.use_in_two_guests("vda2")
}

#[test]
fn a_volume_on_a_logical_partition_is_used() -> Result<()> {
    let table = "label: dos\nstart=2048, size=2048\nstart=4096, size=60000, type=5\nstart=6144, size=2048\nstart=10240, size=40960\n";
    Place::on_partition(table, 10240)?.use_in_two_guests("vda6")
}

#[test]
fn a_volume_on_the_ninth_partition_is_used_also_by_the_table_at_the_end() -> Result<()> {
    let others: String = (0..8).map(|index| format!("start={}, size=64\n", 2048 + 64 * index)).collect();
    let table = format!("label: gpt\n{others}start=4096, size=40960\n");
    Place::on_partition(&table, 4096)?.use_in_two_guests("vda9")?;
    Place::on_partition(&table, 4096)?.patched(512, &[0; 512])?.use_in_two_guests("vda9")
}

#[test]
fn a_volume_on_the_ninth_disk_is_used() -> Result<()> {
    let disks = (0..8).map(|_| Disk::blank(64)).chain([Disk::fat(12, 1 << 10)]).collect::<Result<Vec<_>>>()?;
    let Booted { mut agent, guest } =
        booted("q35", |config| disks.iter().for_each(|disk| disk.attach(config, "", "")))?;
    put(&mut agent, "/file", &pattern(10_000))?;
    ensure!(ask(&mut agent, "guest-get-fsinfo")?[0]["name"] == "vdi");
    power_down(agent, guest)?;
    disks[8].is_clean()?;
    ensure!(disks[8].get("file")? == pattern(10_000));
    Ok(())
}

#[test]
fn disks_and_volume_are_told_as_they_are() -> Result<()> {
    let (first, second) = (Disk::blank(1 << 10)?, Disk::fat(16, 16 << 10)?);
    let mut guest = booted("q35", |config| {
        first.attach(config, "", ",addr=05.0");
        second.attach(config, "", ",addr=06.0,serial=the-second");
    })?;
    guest.transcript(&[
        (
            r#"{"execute":"guest-get-disks"}"#,
            concat!(
                r#"{"return": [{"name":"/dev/vda","partition":false,"address":{"pci-controller":"#,
                r#"{"domain":0,"bus":0,"slot":5,"function":0},"bus-type":"virtio","bus":0,"target":0,"unit":0,"dev":"/dev/vda"},"dependencies":[]},"#,
                r#"{"name":"/dev/vdb","partition":false,"address":{"pci-controller":"#,
                r#"{"domain":0,"bus":0,"slot":6,"function":0},"bus-type":"virtio","bus":0,"target":0,"unit":0,"#,
                r#""serial":"the-second","dev":"/dev/vdb"},"dependencies":[]}]}"#
            ),
        ),
        (
            r#"{"execute":"guest-get-fsinfo"}"#,
            concat!(
                r#"{"return": [{"name":"vdb","mountpoint":"/","type":"vfat","used-bytes":0,"total-bytes":16726016,"#,
                r#""total-bytes-privileged":16726016,"disk":[{"pci-controller":"#,
                r#"{"domain":0,"bus":0,"slot":6,"function":0},"bus-type":"virtio","bus":0,"target":0,"unit":0,"#,
                r#""serial":"the-second","dev":"/dev/vdb"}]}]}"#
            ),
        ),
    ])?;
    let statistics = |agent: &mut Client| ask(agent, "guest-get-diskstats");
    let before = statistics(&mut guest.agent)?;
    put(&mut guest.agent, "/file", &pattern(100_000))?;
    let after = statistics(&mut guest.agent)?;
    ensure!(after[0]["name"] == "vda" && after[1]["name"] == "vdb", "{after}");
    ensure!(after[0]["stats"] == before[0]["stats"], "nothing was done with the first disk");
    let grown = |name: &str| Some(after[1]["stats"][name].as_u64()? - before[1]["stats"][name].as_u64()?);
    ensure!(grown("write-sectors") >= Some(100_000 / 512) && grown("write-sectors") < Some(400), "{before}\n{after}");
    // Up to 32 KiB in one request.
    ensure!((Some(4)..Some(20)).contains(&grown("write-ios")), "{before}\n{after}");
    ensure!(grown("flush-ios") == Some(2), "{before}\n{after}");
    Ok(())
}

#[test]
fn a_volume_on_a_partition_is_used() -> Result<()> {
    for label in ["dos", "gpt"] {
        let disk = Disk::blank(32 << 10)?;
        let script = disk.folder().join("script");
        fs::write(&script, format!("label: {label}\nstart=2048, size=2048\nstart=4096, size=40960\n"))?;
        disk.run(
            "sh",
            &["-c", &format!("PATH=$PATH:/usr/sbin:/sbin sfdisk --quiet \"$0\" < {}", script.display()), "@"],
        )?;
        disk.run("mkfs.fat", &["-F", "16", "--offset", "4096", "@", "20480"])?;
        let Booted { mut agent, guest } = with_disk("q35", &disk)?;
        put(&mut agent, "/file", &pattern(50_000))?;
        let disks = ask(&mut agent, "guest-get-disks")?;
        ensure!(disks.as_array().is_some_and(|disks| disks.len() == 3), "{label}: {disks}");
        let second = &disks[2];
        ensure!(*second == json!({"name": "/dev/vda2", "partition": true, "dependencies": ["/dev/vda"]}), "{second}");
        let info = ask(&mut agent, "guest-get-fsinfo")?;
        ensure!(info[0]["name"] == "vda2" && info[0]["disk"][0]["dev"] == "/dev/vda2", "{label}: {info}");
        power_down(agent, guest)?;
        let volume = Disk::blank(20 << 10)?;
        let whole = fs::read(disk.path())?;
        fs::write(volume.path(), &whole[4096 * 512..][..20 << 20])?;
        volume.is_clean()?;
        ensure!(volume.get("file")? == pattern(50_000), "{label}");
    }
    Ok(())
}

#[test]
fn trimming_frees_the_hosts_disk() -> Result<()> {
    for machine in ["q35", "microvm"] {
        let disk = Disk::fat(16, 32 << 10)?;
        disk.put("kept", &pattern(100_000))?;
        disk.put("deleted", &vec![0xaa; 20 << 20])?;
        disk.run("mdel", &["-i", "@", "::deleted"])?;
        let before = disk.allocated()?;
        let Booted { mut agent, guest } = booted(machine, |config| disk.attach(config, ",discard=unmap", ""))?;
        let trimmed = agent.execute("guest-fstrim", json!({"minimum": 1u64 << 40}), soon())?;
        ensure!(trimmed["paths"][0]["trimmed"] == 0, "{trimmed}");
        let trimmed = ask(&mut agent, "guest-fstrim")?;
        let info = ask(&mut agent, "guest-get-fsinfo")?;
        let free =
            info[0]["total-bytes"].as_u64().zip(info[0]["used-bytes"].as_u64()).map(|(total, used)| total - used);
        ensure!(trimmed["paths"][0] == json!({"path": "/", "trimmed": free, "minimum": 0}), "{trimmed}, {info}");
        power_down(agent, guest)?;
        let after = disk.allocated()?;
        ensure!(before - after >= 19 << 20, "{before} bytes before, {after} after");
        disk.is_clean()?;
        ensure!(disk.get("kept")? == pattern(100_000));
    }
    Ok(())
}

#[test]
fn a_disk_that_does_not_discard_says_so() -> Result<()> {
    let disk = Disk::fat(16, 16 << 10)?;
    let Booted { mut agent, guest: _guest } = booted("q35", |config| disk.attach(config, "", ",discard=off"))?;
    let trimmed = ask(&mut agent, "guest-fstrim")?;
    let refused = json!({"paths": [{"path": "/", "error": "the discard operation is not supported"}]});
    ensure!(trimmed == refused, "{trimmed}");
    Ok(())
}

#[test]
fn a_frozen_volume_is_clean_and_does_not_change() -> Result<()> {
    let disk = Disk::fat(16, 16 << 10)?;
    let Booted { mut agent, mut guest } = with_disk("q35", &disk)?;
    let handle = open(&mut agent, "/before", "w")?;
    write(&mut agent, handle, &pattern(50_000))?;
    let list = |mountpoints: Value| json!({"mountpoints": mountpoints});
    let frozen = agent.execute("guest-fsfreeze-freeze-list", list(json!(["/other"])), soon())?;
    ensure!(frozen == 0 && ask(&mut agent, "guest-fsfreeze-status")? == "thawed");
    let frozen = agent.execute("guest-fsfreeze-freeze-list", list(json!(["/other", "/"])), soon())?;
    ensure!(frozen == 1 && ask(&mut agent, "guest-fsfreeze-status")? == "frozen");

    let copy = Disk::blank(0)?;
    fs::copy(disk.path(), copy.path())?;
    copy.is_clean()?;
    ensure!(copy.get("before")? == pattern(50_000));
    for command in ["guest-file-write", "guest-file-open", "guest-file-close", "guest-fstrim", "guest-shutdown"] {
        let said = refusal(&mut agent, command, json!({}))?;
        ensure!(said == format!("Command {command} has been disabled: the command is not allowed"), "{said}");
    }
    std::thread::sleep(WATCHED); // no wait: the disk is watched for so long, and a busy host only sees less
    ensure!(fs::read(disk.path())? == fs::read(copy.path())?, "a frozen volume has changed");

    ensure!(ask(&mut agent, "guest-fsfreeze-thaw")? == 1);
    ensure!(ask(&mut agent, "guest-fsfreeze-thaw")? == 0);
    // The handle is as it was.
    write(&mut agent, handle, b"after")?;
    about(&mut agent, "guest-file-close", handle)?;
    ensure!(read(&mut agent, "/before", 60_000)? == [pattern(50_000), b"after".to_vec()].concat());

    // Somebody may switch a frozen guest off.
    ensure!(ask(&mut agent, "guest-fsfreeze-freeze")? == 1);
    fs::copy(disk.path(), copy.path())?;
    guest.qmp(soon())?.execute("system_powerdown", json!({}), soon())?;
    ensure!(guest.wait(soon())?.success());
    ensure!(fs::read(disk.path())? == fs::read(copy.path())?, "a frozen volume has changed");
    copy.is_clean()
}

#[test]
fn a_directory_grows_and_its_files_have_their_times() -> Result<()> {
    let disk = Disk::fat(16, 16 << 10)?;
    disk.run("mmd", &["-i", "@", "::dir"])?;
    let Booted { mut agent, guest } = with_disk("q35", &disk)?;
    // 2001-09-09 01:46:40
    agent.execute("guest-set-time", json!({"time": 1_000_000_000_000_000_000_i64}), soon())?;
    let name = |number| format!("a file with a name so long that it takes several entries {number}");
    for number in 0..60 {
        put(&mut agent, &format!("/dir/{}", name(number)), name(number).as_bytes())?;
    }
    power_down(agent, guest)?;
    disk.is_clean()?;
    for number in 0..60 {
        ensure!(disk.get(&format!("dir/{}", name(number)))? == name(number).as_bytes());
    }
    let listed = disk.run("mdir", &["-i", "@", "::dir"])?;
    ensure!(listed.matches("2001-09-09   1:46").count() >= 10, "{listed}");
    Ok(())
}

#[test]
fn blocks_of_4_kib_are_what_a_disk_may_want() -> Result<()> {
    for machine in ["q35", "microvm"] {
        let disk = Disk::blank(32 << 10)?;
        disk.run("mkfs.fat", &["-S", "4096", "-F", "12", "@"])?;
        let Booted { mut agent, guest } = booted(machine, |config| {
            config.argument("-global", "virtio-mmio.force-legacy=false");
            disk.attach(config, ",discard=unmap", ",logical_block_size=4096,physical_block_size=4096");
        })?;
        put(&mut agent, "/file", &pattern(100_000))?;
        let trimmed = ask(&mut agent, "guest-fstrim")?;
        ensure!(trimmed["paths"][0]["trimmed"].as_u64() > Some(20 << 20), "{machine}: {trimmed}");
        power_down(agent, guest)?;
        disk.is_clean()?;
        ensure!(disk.get("file")? == pattern(100_000), "{machine}");
    }
    Ok(())
}

#[test]
fn more_disks_than_are_used_are_left_alone() -> Result<()> {
    let disks = (0..33).map(|_| Disk::blank(64)).collect::<Result<Vec<_>>>()?;
    let Booted { mut agent, guest } = booted("q35", |config| {
        for (index, disk) in disks.iter().enumerate() {
            let place = format!(",multifunction=on,addr={:#x}.{}", 5 + index / 8, index % 8);
            disk.attach(config, "", &place);
        }
    })?;
    let told = ask(&mut agent, "guest-get-disks")?;
    ensure!(told.as_array().is_some_and(|told| told.len() == 32), "{told}");
    ensure!(told[25]["name"] == "/dev/vdz" && told[26]["name"] == "/dev/vdaa", "{told}");
    guest.console_shows("more than 32 disks", soon())
}

#[test]
fn a_disk_that_was_used_lets_the_guest_sleep() -> Result<()> {
    for machine in ["q35", "pc", "microvm", "riscv64-virt-pcie", "aarch64-virt"] {
        let disk = Disk::fat(16, 16 << 10)?;
        let Booted { mut agent, guest: _guest } = with_disk(machine, &disk)?;
        put(&mut agent, "/file", &pattern(100_000))?;
        sleeps(&mut agent).context(machine)?;
    }
    Ok(())
}

/// Most of the processor time is QEMU's, to translate what runs the first time.
const OF_A_CORE: f64 = 0.4;

/// Reads a file of a disk that takes its time. If `at_once`, in two requests that come together, so that the second one's interrupt
/// waits while the guest waits for the disk.
fn sleeps_while_a_disk_is_slow(machine: &str, at_once: bool) -> Result<()> {
    let content = pattern(120_000);
    let disk = Disk::fat(16, 16 << 10)?;
    disk.put("file", &content)?;
    let slow = |config: &mut Config| disk.attach(config, ",throttling.iops-total=4", "");
    let Booted { mut agent, guest } = booted(machine, slow)?;
    let handle = open(&mut agent, "file", "r")?;
    let arguments = json!({"handle": handle, "count": content.len() / 2});
    let request = format!("{}\n", json!({"execute": "guest-file-read", "arguments": arguments}));
    let mut read = Vec::new();
    let reading = || {
        for requests in if at_once { vec![2] } else { vec![1, 1] } {
            agent.send(request.repeat(requests).as_bytes(), soon())?;
            for _ in 0..requests {
                let reply: Value = serde_json::from_slice(&agent.line(soon())?)?;
                read.extend(BASE64_STANDARD.decode(reply["return"]["buf-b64"].as_str().unwrap_or_default())?);
            }
        }
        Ok(())
    };
    let (share, ()) = share_during(guest.pid(), reading)?;
    ensure!(read == content, "{machine}: {} bytes", read.len());
    // An Arm CPU sleeps only while no device has an interrupt for it, and that of the next request may be there already.
    ensure!(share < OF_A_CORE || machine == "aarch64-virt", "{machine}: QEMU took {share:.2} of a core");
    Ok(())
}

#[test]
fn the_guest_sleeps_while_a_disk_is_slow() -> Result<()> {
    for machine in ["q35", "pc", "microvm", "aarch64-virt", "riscv64-virt", "riscv64-virt-pcie"] {
        sleeps_while_a_disk_is_slow(machine, false)?;
    }
    Ok(())
}

#[test]
fn the_guest_sleeps_while_a_disk_is_slow_and_its_host_asks_for_more() -> Result<()> {
    for machine in ["q35", "pc", "microvm", "riscv64-virt-pcie"] {
        sleeps_while_a_disk_is_slow(machine, true)?;
    }
    Ok(())
}

#[test]
fn it_answers_in_little_memory_and_still_has_files() -> Result<()> {
    let disk = Disk::fat(16, 16 << 10)?;
    let guests = [
        (
            "8 MiB, a disk, two network cards, 16 ports",
            booted("q35", |config| {
                config.memory_kib = 8 << 10;
                config.other_ports = 15;
                config.user_network().user_network();
                disk.attach(config, "", "");
            })?,
        ),
        ("2 MiB, none", booted("microvm", |config| config.memory_kib = 2 << 10)?),
    ];
    for (guest, Booted { mut agent, guest: _guest }) in guests {
        put(&mut agent, "/file", &pattern(20_000))?;
        ensure!(read(&mut agent, "/file", 10_000)? == pattern(20_000), "{guest}");
    }
    Ok(())
}

#[test]
fn files_stay_open_over_a_sleep() -> Result<()> {
    for machine in ["q35", "pc"] {
        let disk = Disk::fat(16, 16 << 10)?;
        let Booted { mut agent, mut guest } = with_disk(machine, &disk)?;
        let handle = open(&mut agent, "/file", "w")?;
        write(&mut agent, handle, &pattern(20_000))?;
        let mut qmp = guest.qmp(soon())?;
        agent.send(b"{\"execute\":\"guest-suspend-ram\"}\n", soon())?;
        qmp.event("SUSPEND", soon())?;
        // What was written does not depend on its waking.
        ensure!(disk.get("file")? == pattern(20_000), "{machine}");
        qmp.execute("system_wakeup", json!({}), soon())?;
        qmp.event("WAKEUP", soon())?;
        resynchronise(&mut agent, 2)?;
        write(&mut agent, handle, b"after")?;
        power_down(agent, guest)?;
        disk.is_clean()?;
        ensure!(disk.get("file")? == [pattern(20_000), b"after".to_vec()].concat(), "{machine}");
    }
    Ok(())
}
