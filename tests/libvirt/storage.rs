//! The appliance's volume, as libvirt asks for it and makes snapshots of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::disk::Disk;
use tests::images::APPLIANCE;
use tests::soon;

use crate::domain::Domain;

const KIB: u64 = 16 << 10;
/// How large a file was that the volume has no more.
const DELETED: u64 = 4 << 20;

/// A domain with a network card, and a FAT volume on a disk that libvirt's QEMU can get to.
fn with_disk() -> Result<(Domain, Disk)> {
    with_disk_on("virtio", "vda")
}

fn with_disk_on(bus: &str, name: &str) -> Result<(Domain, Disk)> {
    let disk = Disk::fat(16, KIB)?;
    disk.put("kept", b"what was there")?;
    disk.put("deleted", &vec![0xaa; DELETED as usize])?;
    disk.run("mdel", &["-i", "@", "::deleted"])?;
    fs::set_permissions(disk.folder(), Permissions::from_mode(0o755))?;
    let xml = format!(
        "<disk type='file' device='disk'>
      <driver name='qemu' type='raw' discard='unmap'/>
      <source file='{}'/>
      <target dev='{name}' bus='{bus}'/>
      <serial>nanoqga-disk</serial>
    </disk>
    <controller type='scsi' index='0' model='virtio-scsi'/>
    <interface type='user'><mac address='52:54:00:12:34:56'/><model type='virtio'/></interface>",
        disk.path().display()
    );
    Ok((Domain::with(&APPLIANCE, 1, &xml)?, disk))
}

/// Writes a file through the agent, and leaves it open. Returns its handle.
fn write(domain: &Domain, path: &str, base64: &str) -> Result<Value> {
    let open = json!({"execute": "guest-file-open", "arguments": {"path": path, "mode": "w"}});
    let handle = domain.agent(&open.to_string())?["return"].clone();
    let write = json!({"execute": "guest-file-write", "arguments": {"handle": handle, "buf-b64": base64}});
    let written = domain.agent(&write.to_string())?;
    ensure!(written["return"]["count"].as_u64() > Some(0), "{written}");
    Ok(handle)
}

fn has(shown: &str, key: &str, value: &str) -> Result<()> {
    let line = shown.lines().find_map(|line| line.trim_start().strip_prefix(key)?.trim().strip_prefix(':'));
    ensure!(line.is_some_and(|line| line.trim() == value), "{key} is not '{value}' in:\n{shown}");
    Ok(())
}

#[test]
fn libvirt_shows_the_volume_and_its_disk() -> Result<()> {
    shows_the_volume("virtio", "vda")
}

#[test]
fn libvirt_shows_the_volume_of_a_scsi_disk() -> Result<()> {
    shows_the_volume("scsi", "sda")
}

fn shows_the_volume(bus: &str, name: &str) -> Result<()> {
    let (domain, disk) = with_disk_on(bus, name)?;
    let device = format!("/dev/{name}");
    let shown = domain.virsh(&["domfsinfo"])?;
    let volume: Vec<_> = shown.lines().nth(2).unwrap_or_default().split_whitespace().collect();
    ensure!(volume == ["/", name, "vfat", name], "libvirt does not know the disk again:\n{shown}");

    let shown = domain.virsh(&["guestinfo", "--filesystem", "--disk", "--interface"])?;
    for (key, value) in [
        ("if.count", "1"),
        ("if.0.name", "eth0"),
        ("if.0.hwaddr", "52:54:00:12:34:56"),
        ("fs.count", "1"),
        ("fs.0.name", name),
        ("fs.0.mountpoint", "/"),
        ("fs.0.fstype", "vfat"),
        ("fs.0.disk.0.alias", name),
        ("fs.0.disk.0.serial", "nanoqga-disk"),
        ("fs.0.disk.0.device", &device),
        ("disk.count", "1"),
        ("disk.0.name", &device),
        ("disk.0.partition", "no"),
        ("disk.0.alias", name),
    ] {
        has(&shown, key, value)?;
    }
    let before = disk.allocated()?;
    domain.virsh(&["domfstrim", "--minimum", "1000000000"])?;
    ensure!(disk.allocated()? == before);
    domain.virsh(&["domfstrim"])?;
    ensure!(disk.allocated()? < before - DELETED / 2);
    Ok(())
}

/// Without options, libvirt asks for all that there is.
#[test]
fn guestinfo_shows_the_whole_appliance() -> Result<()> {
    let (domain, _disk) = with_disk()?;
    let shown = domain.virsh(&["guestinfo"])?;
    for (key, value) in [
        ("user.count", "0"),
        ("os.id", "nanoqga"),
        ("timezone.offset", "0"),
        ("hostname", "nanoqga"),
        ("fs.count", "1"),
        ("disk.count", "1"),
        ("if.count", "1"),
    ] {
        has(&shown, key, value)?;
    }
    Ok(())
}

#[test]
fn libvirt_freezes_and_thaws() -> Result<()> {
    let (domain, disk) = with_disk()?;
    write(&domain, "/open", "d3JpdHRlbg==")?;
    ensure!(domain.virsh(&["domfsfreeze"])?.contains("Froze 1 filesystem(s)"));
    disk.is_clean()?;
    ensure!(disk.get("open")? == b"written");
    ensure!(domain.virsh(&["domfsthaw"])?.contains("Thawed 1 filesystem(s)"));
    ensure!(domain.virsh(&["domfsfreeze", "--mountpoint", "/"])?.contains("Froze 1 filesystem(s)"));
    ensure!(domain.virsh(&["domfsthaw"])?.contains("Thawed 1 filesystem(s)"));
    domain.shut_down()?;
    domain.gone(soon())?;
    disk.is_clean()
}

#[test]
fn a_quiesced_snapshot_is_clean_and_has_what_was_written() -> Result<()> {
    let (domain, disk) = with_disk()?;
    write(&domain, "/before", "YmVmb3Jl")?;
    let overlay = format!("vda,snapshot=external,file={}", disk.folder().join("overlay").display());
    let options = ["--disk-only", "--quiesce", "--no-metadata", "--diskspec", &overlay];
    domain.virsh(&[&["snapshot-create-as"], &options[..]].concat())?;
    disk.is_clean()?;
    ensure!(disk.get("before")? == b"before" && disk.get("kept")? == b"what was there");

    let status = domain.agent(r#"{"execute":"guest-fsfreeze-status"}"#)?;
    ensure!(status == json!({"return": "thawed"}), "{status}");
    let base = fs::read(disk.path())?;
    write(&domain, "/after", "YWZ0ZXI=")?;
    domain.shut_down()?;
    domain.gone(soon())?;
    ensure!(fs::read(disk.path())? == base, "what came after the snapshot is not in it");
    Ok(())
}

/// The agent has no part in it, and goes on: its files are open, and its cards have their addresses.
#[test]
fn a_guest_that_libvirt_saved_goes_on_where_it_was() -> Result<()> {
    let (domain, disk) = with_disk()?;
    let handle = write(&domain, "/kept-open", "b25l")?;
    let address = || Ok(domain.virsh(&["domifaddr", "--source", "agent"])?.contains("10.0.2.15").then_some(()));
    soon().poll("an address", address)?;
    for _ in 0..2 {
        domain.save_and_start()?;
    }
    let write = json!({"execute": "guest-file-write", "arguments": {"handle": handle, "buf-b64": "dHdv"}});
    ensure!(domain.agent(&write.to_string())? == json!({"return": {"count": 3, "eof": false}}));
    soon().poll("an address", address)?;
    domain.shut_down()?;
    domain.gone(soon())?;
    disk.is_clean()?;
    ensure!(disk.get("kept-open")? == b"onetwo");
    Ok(())
}
