//! Disks and network cards that libvirt attaches to a domain that runs, and detaches.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::disk::Disk;
use tests::images::APPLIANCE;
use tests::soon;

use crate::daemon::BRIDGE;
use crate::domain::Domain;

const MAC: &str = "52:54:00:12:34:57";

/// The guest comes to have as many elements in the list that a command returns.
fn comes_to_have(domain: &Domain, command: &str, count: usize) -> Result<()> {
    soon().poll(&format!("{count} of {command}"), || {
        let reply = domain.agent(&json!({ "execute": command }).to_string())?;
        let list = reply["return"].as_array().context("a list")?;
        Ok((list.len() == count).then_some(()))
    })
}

/// The domain comes to have no device of this kind.
fn comes_to_lack(domain: &Domain, device: &str) -> Result<()> {
    soon().poll(device, || Ok((!domain.virsh(&["dumpxml"])?.contains(device)).then_some(())))
}

/// Root ports for so many devices that come. Those of the domain itself take some.
fn ports() -> String {
    let ports = (1..=10).map(|index| format!("<controller type='pci' index='{index}' model='pcie-root-port'/>"));
    ports.collect()
}

/// A card on a bridge, as `attach-interface` makes them. Nobody is there to give it an address.
#[test]
fn attaches_and_detaches_an_interface() -> Result<()> {
    let domain = Domain::with(&APPLIANCE, 1, &ports())?;
    for round in 0..2 {
        let attach = ["attach-interface", "bridge", BRIDGE, "--mac", MAC, "--model", "virtio", "--live"];
        match domain.virsh(&attach) {
            Err(error) if round == 0 && format!("{error:#}").contains(&format!("'{BRIDGE}'")) => {
                eprintln!("skipped: this libvirtd has no bridge for the test: {error:#}");
                return Ok(());
            }
            attached => drop(attached?),
        }
        comes_to_have(&domain, "guest-network-get-interfaces", 1)?;
        ensure!(domain.virsh(&["domifaddr", "--source", "agent"])?.contains(MAC), "round {round}: no card");
        domain.virsh(&["detach-interface", "bridge", "--mac", MAC, "--live"])?;
        comes_to_lack(&domain, MAC)?;
        comes_to_have(&domain, "guest-network-get-interfaces", 0)?;
    }
    Ok(())
}

#[test]
fn attaches_and_detaches_a_disk_of_a_scsi_controller() -> Result<()> {
    let disk = Disk::fat(12, 4 << 10)?;
    fs::set_permissions(disk.folder(), Permissions::from_mode(0o755))?;
    let source = disk.path().display().to_string();
    let domain = Domain::with(&APPLIANCE, 1, "<controller type='scsi' index='0' model='virtio-scsi'/>")?;
    for round in 0..3 {
        domain.virsh(&["attach-disk", &source, "sdb", "--targetbus", "scsi", "--subdriver", "raw", "--live"])?;
        comes_to_have(&domain, "guest-get-disks", 1)?;
        let told = domain.virsh(&["domfsinfo"])?;
        let volume: Vec<_> = told.lines().nth(2).unwrap_or_default().split_whitespace().collect();
        ensure!(volume == ["/", "sda", "vfat", "sdb"], "round {round}: libvirt does not know the disk again:\n{told}");
        domain.virsh(&["domfstrim"])?;
        domain.virsh(&["detach-disk", "sdb", "--live"])?;
        comes_to_lack(&domain, "<target dev='sdb'")?;
        comes_to_have(&domain, "guest-get-disks", 0)?;
    }
    disk.is_clean()
}

#[test]
fn attaches_and_detaches_a_disk_and_a_card() -> Result<()> {
    let disk = Disk::fat(12, 4 << 10)?;
    fs::set_permissions(disk.folder(), Permissions::from_mode(0o755))?;
    let source = disk.path().display().to_string();
    // `attach-interface` has no cards of QEMU's own network.
    let card = disk.folder().join("card.xml");
    fs::write(&card, format!("<interface type='user'><mac address='{MAC}'/><model type='virtio'/></interface>"))?;
    let card = card.display().to_string();
    let domain = Domain::with(&APPLIANCE, 1, &ports())?;
    for round in 0..3 {
        domain.virsh(&["attach-disk", &source, "vda", "--targetbus", "virtio", "--subdriver", "raw", "--live"])?;
        comes_to_have(&domain, "guest-get-disks", 1)?;
        ensure!(domain.virsh(&["domfsinfo"])?.contains("vfat"), "round {round}: no volume");
        domain.virsh(&["detach-disk", "vda", "--live"])?;
        comes_to_lack(&domain, "<target dev='vda'")?;
        comes_to_have(&domain, "guest-get-disks", 0)?;

        domain.virsh(&["attach-device", &card, "--live"])?;
        comes_to_have(&domain, "guest-network-get-interfaces", 1)?;
        ensure!(domain.virsh(&["domifaddr", "--source", "agent"])?.contains(MAC), "round {round}: no card");
        domain.virsh(&["detach-device", &card, "--live"])?;
        comes_to_lack(&domain, MAC)?;
        comes_to_have(&domain, "guest-network-get-interfaces", 0)?;
    }
    disk.is_clean()
}
