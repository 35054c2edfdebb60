//! Disks and network cards that libvirt attaches to a domain that runs, and detaches.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::disk::Disk;
use tests::images::APPLIANCE;
use tests::soon;

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

#[test]
fn attaches_and_detaches_a_disk_and_a_card() -> Result<()> {
    let disk = Disk::fat(12, 4 << 10)?;
    fs::set_permissions(disk.folder(), Permissions::from_mode(0o755))?;
    let source = disk.path().display().to_string();
    // `attach-interface` has no cards of QEMU's own network, the only one that needs nothing of the host's.
    let card = disk.folder().join("card.xml");
    fs::write(&card, format!("<interface type='user'><mac address='{MAC}'/><model type='virtio'/></interface>"))?;
    let card = card.display().to_string();
    // Each port takes one device. Those of the domain itself take some.
    let ports = (1..=10).map(|index| format!("<controller type='pci' index='{index}' model='pcie-root-port'/>"));
    let domain = Domain::with(&APPLIANCE, 1, &ports.collect::<String>())?;
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
