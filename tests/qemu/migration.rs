//! A guest that migrates to another QEMU goes on where it was, as does one that returns to a snapshot.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{Result, ensure};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel::{Com1, Com2, Virtio, VirtioModern};
use nanoqga_testkit::qemu::Config;
use serde_json::json;
use tests::booted::{config_of, qemu_has_host, resynchronise, resynchronise_after_another, send_half, synchronise};
use tests::images::{APPLIANCE, NANO};
use tests::migration::{awaiting, go_on, save};
use tests::{Booted, soon};

use crate::rows::Row;
use crate::snapshots;
use crate::state::{self, Burst};

macro_rules! rows {
    ($($row:ident: $profile:ident on $machine:literal over $channel:expr;)*) => {$(
        mod $row {
            use super::*;

            const ROW: Row = Row { profile: &$profile, machine: $machine, channel: $channel };

            #[test]
            fn migrates() -> Result<()> {
                super::migrates(ROW)
            }

            #[test]
            fn returns_to_snapshots() -> Result<()> {
                snapshots::are_returned_to(ROW)
            }
        }
    )*};
}

rows! {
    q35_nano: NANO on "q35" over Virtio;
    q35_nano_modern: NANO on "q35" over VirtioModern;
    q35_nano_uart: NANO on "q35" over Com2;
    pc_nano: NANO on "pc" over Virtio;
    microvm_nano: NANO on "microvm" over Virtio;
    riscv64_nano: NANO on "riscv64-virt" over Virtio;
    aarch64_nano: NANO on "aarch64-virt" over Virtio;
    q35_appliance: APPLIANCE on "q35" over Virtio;
    pc_appliance: APPLIANCE on "pc" over Virtio;
    microvm_appliance: APPLIANCE on "microvm" over Virtio;
    microvm_appliance_only_uart: APPLIANCE on "microvm" over Com1;
    riscv64_appliance: APPLIANCE on "riscv64-virt" over Virtio;
    aarch64_appliance: APPLIANCE on "aarch64-virt-pcie" over VirtioModern;
}

fn migrates(row: Row) -> Result<()> {
    let (config, _disk) = state::config(row)?;
    let mut booted = Booted::start(&config)?;
    let burst = Burst::new(&mut booted.agent)?;
    state::store(&mut booted.agent, row, "before")?;
    state::set_clock_back(&mut booted.agent)?;

    // Idle.
    for host in [Host::Early, Host::Late] {
        booted = migrate(booted.guest, &config, host)?;
        synchronise(&mut booted.agent, 2)?;
    }

    // In the middle of a request. Of a UART, nothing shows which bytes the guest has.
    if !state::is_uart(row) {
        for host in [Host::Early, Host::Late] {
            send_half(&mut booted.agent, &mut booted.guest)?;
            booted = migrate(booted.guest, &config, host)?;
            if host == Host::Early {
                state::send_other_half(&mut booted.agent)?;
            }
            synchronise(&mut booted.agent, 3)?;
        }
    }

    // In the middle of replies.
    let (mut old, mut replies) = burst.stop_in_the_middle(row, booted.agent, &mut booted.guest)?;
    booted = migrate(booted.guest, &config, Host::Early)?;
    // The old QEMU has ended, but what it sent can still be read. Then comes an error, because it left requests unread.
    let end = old.read_to_end(&mut replies);
    ensure!(replies.len() < burst.replies.len(), "all replies came before the migration ({end:?})");
    let rest = state::joined(resynchronise(&mut booted.agent, 4)?);
    ensure!(!rest.is_empty(), "no replies came after the migration");
    let replies = String::from_utf8([replies, rest].concat())?;
    ensure!(burst.replies.starts_with(&replies), "replies are not whole:\n{replies}");

    // The same, and the next host comes late. The rest of a reply that fills a UART has no way out then.
    if !state::is_uart(row) {
        let _old = burst.stop_in_the_middle(row, booted.agent, &mut booted.guest)?;
        booted = migrate(booted.guest, &config, Host::Late)?;
        resynchronise_after_another(&mut booted.agent, 5)?;
    }

    state::is_stored(&mut booted.agent, row, "before")?;
    state::has_network(&mut booted.agent, row)?;
    state::clock_is_behind_until_set(&mut booted.agent)
}

#[test]
fn a_guest_that_has_migrated_seeks_dhcp_servers_again() -> Result<()> {
    for (machine, channel) in [("q35", VirtioModern), ("q35", Virtio), ("microvm", VirtioModern)] {
        let folder = PrivateFolder::new()?;
        let mut config = config_of(&APPLIANCE, machine, channel)?;
        let modern = if machine == "q35" { ",disable-legacy=on" } else { "" };
        config.argument("-netdev", "user,id=net,ipv6=off").virtio("net", &format!("netdev=net{modern}"));
        let dump = |name: &str| {
            let file = folder.path().join(name);
            (format!("filter-dump,id=dump,netdev=net,file={}", file.display()), file)
        };
        let (before, recorded) = dump("before");
        let mut booted = Booted::start(config.clone().argument("-object", before))?;
        let sought = |file: &Path, what| soon().poll(what, || Ok((discovers(file)? > 0).then_some(())));
        booted.agent.execute("guest-network-get-interfaces", json!({}), soon())?;
        sought(&recorded, "the first DISCOVER")?;
        let (after, recorded) = dump("after");
        let mut booted = migrate(booted.guest, config.argument("-object", after), Host::Early)?;
        sought(&recorded, "a DISCOVER after the migration")?;
        synchronise(&mut booted.agent, 2)?;
    }
    Ok(())
}

/// How many messages that seek DHCP servers have passed a network.
fn discovers(recorded: &Path) -> Result<usize> {
    // The magic number before a message's options, and the first option.
    const DISCOVER: &[u8] = &[0x63, 0x82, 0x53, 0x63, 53, 1, 1];
    Ok(fs::read(recorded)?.windows(DISCOVER.len()).filter(|window| *window == DISCOVER).count())
}

/// When a host connects to the QEMU that a guest migrates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    /// Before the guest runs there: for the guest, its host never left.
    Early,
    /// When the guest runs there: for the guest, its host left and another one came.
    Late,
}

/// Moves a running guest to another QEMU.
fn migrate(mut guest: Guest, config: &Config, host: Host) -> Result<Booted> {
    let folder = PrivateFolder::new()?;
    let state = save(&mut guest, folder.path())?;
    drop(guest);
    let mut guest = awaiting(config)?;
    let early = match host {
        Host::Early => Some(guest.connect(soon())?),
        Host::Late => None,
    };
    if early.is_some() {
        qemu_has_host(&mut guest)?;
    }
    go_on(&mut guest, &state)?;
    let agent = early.map_or_else(|| guest.connect(soon()), Ok)?;
    Ok(Booted { agent, guest })
}
