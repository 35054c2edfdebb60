//! Disks behind a virtio SCSI controller: found by target and unit, read, written, plugged and unplugged.

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::machine::Channel::Virtio;
use nanoqga_testkit::qemu::Config;
use nanoqga_testkit::qmp::Qmp;
use serde_json::{Value, json};
use tests::booted::synchronise;
use tests::disk::Disk;
use tests::images::APPLIANCE;
use tests::{Booted, soon};

use crate::settings::iso;
use crate::storage::{guest_can_power_off, put, read};
use crate::{power, suspend};

/// Puts a disk on the controller `scsi`, at a target and unit.
fn on_scsi(config: &mut Config, disk: &Disk, drive: &str, device: &str) {
    let id = device.replace([',', '='], "-");
    config.argument("-drive", format!("if=none,id={id},file={},format=raw{drive}", disk.path().display()));
    config.argument("-device", format!("{device},drive={id}"));
}

fn booted(machine: &str, properties: &str, adjust: impl FnOnce(&mut Config)) -> Result<Booted> {
    Booted::of(&APPLIANCE, machine, Virtio, |config| {
        config.virtio("scsi", &format!("id=scsi{properties}"));
        adjust(config);
    })
}

/// A disk's name, bus, target and unit, and its serial number.
type Told = (String, String, u64, u64, Value);

fn disks(agent: &mut Client) -> Result<Vec<Told>> {
    let told = agent.execute("guest-get-disks", json!({}), soon())?;
    let disk = |disk: &Value| {
        let at = &disk["address"];
        let text = |value: &Value| value.as_str().map(String::from);
        let number = |value: &Value| value.as_u64();
        Some((
            text(&disk["name"])?,
            text(&at["bus-type"])?,
            number(&at["target"])?,
            number(&at["unit"])?,
            at["serial"].clone(),
        ))
    };
    told.as_array().context("a list")?.iter().map(|told| disk(told).with_context(|| told.to_string())).collect()
}

macro_rules! rows {
    ($($row:ident: $machine:literal, $properties:literal;)*) => {$(
        #[test]
        fn $row() -> Result<()> {
            disks_of_a_controller_are_used($machine, $properties)
        }
    )*};
}

rows! {
    q35: "q35", "";
    legacy_q35: "q35", ",disable-modern=on";
    pc: "pc", ",virtqueue_size=64";
    microvm: "microvm", "";
    aarch64: "aarch64-virt", "";
    aarch64_on_pci: "aarch64-virt-pcie", "";
    riscv64: "riscv64-virt", "";
}

fn disks_of_a_controller_are_used(machine: &str, properties: &str) -> Result<()> {
    let content: Vec<u8> = (0..300_000).map(|place| (place / 3) as u8).collect();
    let (volume, blank) = (Disk::fat(16, 16 << 10)?, Disk::blank(64)?);
    let Booted { mut agent, guest } = booted(machine, properties, |config| {
        on_scsi(config, &volume, "", "scsi-hd,scsi-id=0,lun=300,serial=S-300");
        on_scsi(config, &blank, "", "scsi-hd,scsi-id=255,lun=0,physical_block_size=4096,logical_block_size=4096");
        volume_of_virtio(config, &blank);
    })?;
    let none = Value::Null;
    let expected = [
        ("/dev/vda".into(), "virtio".into(), 0, 0, none.clone()),
        ("/dev/sda".into(), "scsi".into(), 0, 300, "S-300".into()),
        ("/dev/sdb".into(), "scsi".into(), 255, 0, none),
    ];
    let found = disks(&mut agent)?;
    ensure!(found == expected, "{found:?}");
    put(&mut agent, "/file", &content)?;
    ensure!(read(&mut agent, "/file", 48 << 10)? == content);
    let told = agent.execute("guest-get-fsinfo", json!({}), soon())?;
    ensure!(told[0]["name"] == "sda" && told[0]["disk"][0]["unit"] == 300, "{told}");
    if guest_can_power_off(machine) {
        power::goes_off(Booted { agent, guest }, machine, r#"{"execute":"guest-shutdown"}"#)?;
        volume.is_clean()?;
    }
    ensure!(volume.get("file")? == content);
    Ok(())
}

/// A disk of its own, without a volume.
fn volume_of_virtio(config: &mut Config, disk: &Disk) {
    disk.attach(config, ",file.locking=off,readonly=on", "");
}

#[test]
fn a_disk_that_cannot_be_written_is_read() -> Result<()> {
    let disk = Disk::fat(12, 4 << 10)?;
    disk.put("file", b"content")?;
    let mut booted = booted("q35", "", |config| on_scsi(config, &disk, ",readonly=on", "scsi-hd,scsi-id=1"))?;
    ensure!(read(&mut booted.agent, "/file", 100)? == b"content");
    let written = put(&mut booted.agent, "/other", b"");
    ensure!(written.is_err_and(|error| format!("{error:#}").contains("Read-only file system")));
    Ok(())
}

#[test]
fn settings_are_read_from_a_cd_and_other_cds_are_left_alone() -> Result<()> {
    let settings = iso("cidata", &["-R"], &[("meta-data", "local-hostname: of-a-cd\n".into())])?;
    let other = iso("other", &["-R"], &[("meta-data", "local-hostname: of-another\n".into())])?;
    let mut booted = booted("q35", "", |config| {
        on_scsi(config, &other, ",media=cdrom,readonly=on", "scsi-cd,scsi-id=1");
        on_scsi(config, &settings, ",media=cdrom,readonly=on", "scsi-cd,scsi-id=2");
        config.argument("-device", "scsi-cd,scsi-id=3");
    })?;
    let told = booted.agent.execute("guest-get-host-name", json!({}), soon())?;
    ensure!(told["host-name"] == "of-a-cd", "{told}");
    let names: Vec<_> = disks(&mut booted.agent)?.into_iter().map(|disk| disk.0).collect();
    ensure!(names == ["/dev/sr0", "/dev/sr1"], "{names:?}");
    // No disk for files is there.
    put(&mut booted.agent, "/file", b"content")?;
    let log = booted.agent.execute("nanoqga-log", json!({}), soon())?.to_string();
    for line in ["unit 0 of SCSI target 3 is not used: it is not ready", "/dev/sr0 is not for files: it is a CD"] {
        ensure!(log.contains(line), "{line} is not in {log}");
    }
    Ok(())
}

/// A disk of the second kind has blocks of 4 KiB.
#[test]
fn what_is_free_is_given_back() -> Result<()> {
    const DELETED: u64 = 8 << 20;
    for block in [512, 4096] {
        let disk = Disk::blank(32 << 10)?;
        disk.run("mkfs.fat", &["-F", "16", "-S", &block.to_string(), "-s", if block == 512 { "4" } else { "1" }, "@"])?;
        disk.put("kept", b"what was there")?;
        disk.put("deleted", &vec![0xaa; DELETED as usize])?;
        disk.run("mdel", &["-i", "@", "::deleted"])?;
        let device = format!("scsi-hd,logical_block_size={block},physical_block_size={block}");
        let mut booted = booted("q35", "", |config| on_scsi(config, &disk, ",discard=unmap", &device))?;
        let before = disk.allocated()?;
        let trim = |agent: &mut Client, minimum: u64| {
            let told = agent.execute("guest-fstrim", json!({"minimum": minimum}), soon())?;
            told["paths"][0]["trimmed"].as_u64().with_context(|| told.to_string())
        };
        ensure!(trim(&mut booted.agent, 1 << 40)? == 0 && disk.allocated()? == before);
        ensure!(trim(&mut booted.agent, 0)? > DELETED / 2);
        ensure!(disk.allocated()? < before - DELETED / 2, "{block}: {} of {before} bytes", disk.allocated()?);
        ensure!(read(&mut booted.agent, "/kept", 100)? == b"what was there", "{block}");
        let told = booted.agent.execute("guest-get-diskstats", json!({}), soon())?;
        ensure!(told[0]["stats"]["discard-sectors"].as_u64() > Some(DELETED / 2 / 512), "{told}");
    }
    Ok(())
}

#[test]
fn a_controller_works_again_after_a_sleep() -> Result<()> {
    for machine in ["q35", "pc"] {
        sleeps(machine).context(machine)?;
    }
    Ok(())
}

/// A file is open meanwhile. Afterwards a second unit comes, which the controller reports by an event.
fn sleeps(machine: &str) -> Result<()> {
    let (disk, other) = (Disk::fat(12, 4 << 10)?, Disk::blank(64)?);
    let Booted { mut agent, mut guest } = booted(machine, "", |config| {
        on_scsi(config, &disk, "", "scsi-hd,scsi-id=2");
        let file = other.path().display();
        config.argument("-blockdev", format!("driver=raw,node-name=other,file.driver=file,file.filename={file}"));
    })?;
    let mut qmp = guest.qmp(soon())?;
    let handle = agent.execute("guest-file-open", json!({"path": "/file", "mode": "w"}), soon())?;
    let write = json!({"handle": handle, "buf-b64": "aGVsbG8="});
    for round in 0..3 {
        agent.execute("guest-file-write", write.clone(), soon()).with_context(|| format!("round {round}"))?;
        suspend::suspend(&mut agent, &mut qmp)?;
        suspend::wake(&mut qmp)?;
        synchronise(&mut agent, round)?;
    }
    agent.execute("guest-file-write", write, soon())?;
    add(&mut qmp, json!({"driver": "scsi-hd", "id": "other", "drive": "other", "scsi-id": 3}))?;
    soon().poll("a second disk", || Ok((disks(&mut agent)?.len() == 2).then_some(())))?;
    drop(qmp);
    power::goes_off(Booted { agent, guest }, machine, r#"{"execute":"guest-shutdown"}"#)?;
    disk.is_clean()?;
    ensure!(disk.get("file")? == b"hello".repeat(4));
    Ok(())
}

#[test]
fn units_and_their_controller_come_and_leave() -> Result<()> {
    for machine in ["q35", "aarch64-virt-pcie"] {
        units_come_and_leave(machine).context(machine)?;
    }
    Ok(())
}

fn units_come_and_leave(machine: &str) -> Result<()> {
    let disk = Disk::fat(12, 4 << 10)?;
    let Booted { mut agent, mut guest } = Booted::of(&APPLIANCE, machine, Virtio, |config| {
        config.argument("-device", "pcie-root-port,id=slot0,chassis=7");
        let file = disk.path().display();
        config.argument("-blockdev", format!("driver=raw,node-name=disk,file.driver=file,file.filename={file}"));
    })?;
    let mut qmp = guest.qmp(soon())?;
    let mut handle = Value::Null;
    for round in 0..3 {
        add(&mut qmp, json!({"driver": "virtio-scsi-pci", "id": "scsi", "bus": "slot0"}))?;
        for unit in [5, 1] {
            add(&mut qmp, json!({"driver": "scsi-hd", "id": "unit", "drive": "disk", "scsi-id": 4, "lun": unit}))?;
            let is_there = |disk: &Told| disk.3 == unit;
            soon()
                .poll("a disk", || Ok(disks(&mut agent)?.iter().any(is_there).then_some(())))
                .with_context(|| format!("round {round}, unit {unit}{}", guest.tails()))?;
            handle = agent.execute("guest-file-open", json!({"path": "/file", "mode": "w"}), soon())?;
            let write = json!({"handle": handle, "buf-b64": "aGVsbG8="});
            agent.execute("guest-file-write", write.clone(), soon())?;
            agent.execute("guest-file-flush", json!({"handle": handle}), soon())?;
            if unit == 5 {
                remove(&mut qmp, "unit")?;
                soon().poll("no disk", || Ok(disks(&mut agent)?.is_empty().then_some(())))?;
                ensure!(agent.execute("guest-file-write", write, soon()).is_err(), "round {round}: it is gone");
            }
        }
        // With its unit.
        remove(&mut qmp, "scsi").with_context(|| format!("round {round}{}", guest.tails()))?;
        soon().poll("no disk", || Ok(disks(&mut agent)?.is_empty().then_some(())))?;
        ensure!(disk.get("file")? == b"hello", "round {round}");
    }
    let closed = agent.execute("guest-file-close", json!({"handle": handle}), soon());
    ensure!(closed.is_err(), "files on a removed disk are closed");
    Ok(())
}

fn add(qmp: &mut Qmp, device: Value) -> Result<()> {
    qmp.execute("device_add", device, soon()).map(drop)
}

/// Returns when QEMU says that the device is gone.
fn remove(qmp: &mut Qmp, id: &str) -> Result<()> {
    qmp.execute("device_del", json!({"id": id}), soon())?;
    while qmp.event("DEVICE_DELETED", soon()).with_context(|| format!("removing {id}"))?["device"] != id {}
    Ok(())
}
