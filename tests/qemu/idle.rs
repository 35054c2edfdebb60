//! A guest that has nothing to do sleeps.

use std::fs;

use anyhow::{Context, Result};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::booted::{config_of, synchronise};
use tests::images::APPLIANCE;
use tests::processor::rests;
use tests::{Booted, soon};

use crate::rows::Row;

const BAR: f64 = 0.01;

/// A router solicitation, from its destination on: all routers.
const SOLICITATION: [u8; 18] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 133, 0];

#[test]
fn an_idle_guest_with_a_network_takes_no_more() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let within = |name| folder.path().join(name).display().to_string();
    let nobody = format!(
        "dgram,local.type=unix,local.path={},remote.type=unix,remote.path={}",
        within("here"),
        within("nobody")
    );
    for (machine, network, ready, solicitations) in [
        // A DHCP server and a router answer, the latter maybe before it is asked.
        ("q35", "user", ["10.0.2.15", "fec0::"], 0),
        ("microvm", "user", ["10.0.2.15", "fec0::"], 0),
        // Nobody answers: the guest solicits routers three times, and goes on asking for DHCP servers now and then.
        ("q35", nobody.as_str(), ["fe80::", ""], 3),
        // The network takes the first frame, and no other.
        ("q35", "hubport,hubid=1", ["fe80::", ""], 1),
    ] {
        let frames = within("frames");
        let mut config = config_of(&APPLIANCE, machine, Channel::Virtio)?;
        config.argument("-netdev", format!("{network},id=net")).virtio("net", "netdev=net");
        config.argument("-object", format!("filter-dump,id=frames,netdev=net,file={frames}"));
        let mut booted = Booted::start(&config)?;
        soon().poll("the addresses", || {
            let told = booted.agent.execute("guest-network-get-interfaces", json!({}), soon())?.to_string();
            Ok(ready.iter().all(|address| told.contains(address)).then_some(()))
        })?;
        soon().poll("the last solicitation of a router", || {
            let frames = fs::read(&frames)?;
            let sent = frames.windows(SOLICITATION.len()).filter(|bytes| *bytes == SOLICITATION).count();
            Ok((sent >= solicitations).then_some(()))
        })?;
        takes_less_than_a_hundredth(booted, &format!("appliance, {machine}, {network}"))?;
    }
    Ok(())
}

/// Boots it, and leaves it alone.
pub fn takes_less_than_a_hundredth_of_a_core(row: Row) -> Result<()> {
    takes_less_than_a_hundredth(row.boot()?, &format!("{row:?}"))
}

pub fn takes_less_than_a_hundredth(Booted { mut agent, guest }: Booted, which: &str) -> Result<()> {
    synchronise(&mut agent, 2)?;
    rests(guest.pid(), BAR).with_context(|| format!("{which}, idle"))?;
    synchronise(&mut agent, 3)
}
