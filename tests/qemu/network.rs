//! The appliance's network interfaces: how they come to their addresses, what is told of them, and that they answer.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::Channel::{Virtio, VirtioModern};
use nanoqga_testkit::qemu::Config;
use serde_json::{Value, json};
use tests::booted::{config_of, synchronise};
use tests::images::APPLIANCE;
use tests::{Booted, soon};

use crate::peer::{Count, Peer};

/// The least time, on the host, after which a guest gives up asking for a lease: it says that it takes 10 seconds.
const PATIENCE: Duration = Duration::from_secs(8);

fn config(machine: &str) -> Result<Config> {
    config_of(&APPLIANCE, machine, Virtio)
}

fn interfaces(agent: &mut Client) -> Result<Value> {
    agent.execute("guest-network-get-interfaces", json!({}), soon())
}

pub fn routes(agent: &mut Client) -> Result<Vec<Value>> {
    let routes = agent.execute("guest-network-get-route", json!({}), soon())?;
    Ok(routes.as_array().context("a list of routes")?.clone())
}

fn configure(agent: &mut Client, arguments: Value) -> Result<Value> {
    agent.execute("nanoqga-network-configure", arguments, soon())
}

/// The addresses of an interface with their prefixes, as `ip addr` has them.
pub fn addresses(agent: &mut Client, interface: usize) -> Result<Vec<String>> {
    let told = interfaces(agent)?;
    let Some(addresses) = told[interface]["ip-addresses"].as_array() else { return Ok(Vec::new()) };
    let text = |address: &Value| {
        let (ip, prefix) = (address["ip-address"].as_str()?, address["prefix"].as_u64()?);
        let kind = if ip.contains(':') { "ipv6" } else { "ipv4" };
        (address["ip-address-type"] == kind).then(|| format!("{ip}/{prefix}"))
    };
    addresses.iter().map(|address| text(address).with_context(|| format!("an address in {told}"))).collect()
}

/// Waits until an interface has these addresses, and no others.
fn has(agent: &mut Client, interface: usize, expected: &[&str]) -> Result<()> {
    let mut last = Vec::new();
    let found = soon().poll("the addresses", || {
        last = addresses(agent, interface)?;
        Ok((last == expected).then_some(()))
    });
    found.with_context(|| format!("eth{interface} has {last:?}, not {expected:?}"))
}

#[test]
fn it_is_given_its_addresses_by_dhcp_and_by_what_routers_advertise() -> Result<()> {
    for machine in ["q35", "pc", "microvm", "microvm-noacpi", "riscv64-virt", "aarch64-virt-pcie"] {
        let mut config = config(machine)?;
        config.user_network();
        let Booted { mut agent, guest: _guest } = Booted::start(&config)?;
        let all = ["10.0.2.15/24", "fe80::5054:ff:fe12:3456/64", "fec0::5054:ff:fe12:3456/64"];
        has(&mut agent, 0, &all).with_context(|| machine.to_string())?;
        let told = interfaces(&mut agent)?;
        ensure!(told[0]["name"] == "eth0" && told[0]["hardware-address"] == "52:54:00:12:34:56", "{told}");
        let routes = routes(&mut agent)?;
        for route in [
            json!({"iface": "eth0", "destination": "10.0.2.0", "metric": 0, "mask": "255.255.255.0", "flags": 1, "version": 4}),
            json!({"iface": "eth0", "destination": "0.0.0.0", "metric": 0, "gateway": "10.0.2.2", "mask": "0.0.0.0",
                   "flags": 3, "version": 4}),
            json!({"iface": "eth0", "destination": "fec0::", "metric": 0, "desprefixlen": "64", "flags": 1, "version": 6}),
            json!({"iface": "eth0", "destination": "::", "metric": 0, "desprefixlen": "0", "nexthop": "fe80::2",
                   "flags": 3, "version": 6}),
        ] {
            ensure!(routes.contains(&route), "{machine}: there is no {route} in {routes:?}");
        }
        ensure!(routes.len() == 5, "{machine}: {routes:?}");
    }
    Ok(())
}

#[test]
fn a_modern_card_is_driven_too() -> Result<()> {
    for machine in ["q35", "microvm"] {
        let mut config = config_of(&APPLIANCE, machine, VirtioModern)?;
        let bus = if machine == "q35" { ",disable-legacy=on" } else { "" };
        config.argument("-netdev", "user,id=net,ipv6=off").virtio("net", &format!("netdev=net{bus}"));
        let Booted { mut agent, guest: _guest } = Booted::start(&config)?;
        has(&mut agent, 0, &["10.0.2.15/24", "fe80::5054:ff:fe12:3456/64"])?;
    }
    Ok(())
}

/// How often `bytes` stand in what has passed a network.
fn count(recorded: &Path, bytes: &[u8]) -> Result<usize> {
    Ok(fs::read(recorded)?.windows(bytes.len()).filter(|window| *window == bytes).count())
}

#[test]
fn it_seeks_servers_again_when_its_card_is_connected_again_and_tells_its_name() -> Result<()> {
    // The magic number before a message's options, and the first option: a DISCOVER.
    const DISCOVER: &[u8] = &[0x63, 0x82, 0x53, 0x63, 53, 1, 1];
    for machine in ["q35", "microvm", "aarch64-virt-pcie", "riscv64-virt"] {
        let folder = PrivateFolder::new()?;
        let recorded = folder.path().join("network.pcap");
        let mut config = config(machine)?;
        config.argument("-netdev", "user,id=net,ipv6=off").virtio("net", "netdev=net,id=card");
        config.argument("-object", format!("filter-dump,id=dump,netdev=net,file={}", recorded.display()));
        config.append = "hostname=some-guest".into();
        let Booted { mut agent, mut guest } = Booted::start(&config)?;
        has(&mut agent, 0, &["10.0.2.15/24", "fe80::5054:ff:fe12:3456/64"]).with_context(|| machine.to_string())?;
        let before = count(&recorded, DISCOVER)?;
        ensure!(count(&recorded, b"\x0c\x0asome-guest")? >= 2, "{machine}: each message has the host name");
        let mut qmp = guest.qmp(soon())?;
        // The guest answers before it looks at its cards, so it may not have seen that its card was not connected: then once more.
        soon().poll(&format!("another DISCOVER of {machine}"), || {
            for up in [false, true] {
                qmp.execute("set_link", json!({"name": "card", "up": up}), soon())?;
                synchronise(&mut agent, 7)?;
            }
            Ok((count(&recorded, DISCOVER)? > before).then_some(()))
        })?;
        has(&mut agent, 0, &["10.0.2.15/24", "fe80::5054:ff:fe12:3456/64"])?;
    }
    Ok(())
}

#[test]
fn without_a_card_there_is_no_interface() -> Result<()> {
    for machine in ["q35", "microvm"] {
        let mut guest = Booted::start(&config(machine)?)?;
        guest.transcript(&[
            (r#"{"execute":"guest-network-get-interfaces"}"#, r#"{"return": []}"#),
            (r#"{"execute":"guest-network-get-route"}"#, r#"{"return": []}"#),
            (
                r#"{"execute":"nanoqga-network-configure","arguments":{"name":"eth0","dhcp":true}}"#,
                r#"{"error": {"class": "GenericError", "desc": "there is no interface of this 'name'"}}"#,
            ),
        ])?;
    }
    Ok(())
}

#[test]
fn two_cards_are_two_interfaces_in_qemus_order() -> Result<()> {
    for machine in ["q35", "microvm"] {
        let mut config = config(machine)?;
        for (name, network) in [("a", "192.0.2.0/24"), ("b", "198.51.100.0/24")] {
            config.argument("-netdev", format!("user,id={name},net={network},ipv6=off"));
            config.virtio("net", &format!("netdev={name},mac=52:54:00:00:00:0{name}"));
        }
        config.append = "ip=eth1,dhcp".into();
        let Booted { mut agent, guest: _guest } = Booted::start(&config)?;
        has(&mut agent, 0, &["192.0.2.15/24", "fe80::5054:ff:fe00:a/64"]).with_context(|| machine.to_string())?;
        has(&mut agent, 1, &["198.51.100.15/24", "fe80::5054:ff:fe00:b/64"])?;
        let routes = routes(&mut agent)?;
        for (interface, gateway) in [("eth0", "192.0.2.2"), ("eth1", "198.51.100.2")] {
            ensure!(
                routes.iter().any(|route| route["iface"] == interface && route["gateway"] == gateway),
                "{routes:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn more_cards_than_there_are_names_for_are_left_alone() -> Result<()> {
    let mut config = config("q35")?;
    for _ in 0..6 {
        config.user_network();
    }
    let Booted { mut agent, guest: _guest } = Booted::start(&config)?;
    ensure!(interfaces(&mut agent)?.as_array().is_some_and(|all| all.len() == 4));
    for interface in 0..4 {
        soon().poll("an address", || {
            Ok(addresses(&mut agent, interface)?.contains(&"10.0.2.15/24".into()).then_some(()))
        })?;
    }
    Ok(())
}

#[test]
fn the_command_line_assigns_addresses_of_both_versions_or_none() -> Result<()> {
    let mut config = config("q35")?;
    for name in ["a", "b"] {
        config.argument("-netdev", format!("hubport,id={name},hubid=1"));
        config.virtio("net", &format!("netdev={name},mac=52:54:00:00:00:0{name}"));
    }
    config.append =
        "ip=eth0,192.0.2.5/24,192.0.2.1 ip=eth0,2001:db8::5/64,2001:db8::1 ip=eth1,none ip=eth0,lost".into();
    let Booted { mut agent, guest } = Booted::start(&config)?;
    ensure!(
        addresses(&mut agent, 0)? == ["192.0.2.5/24", "fe80::5054:ff:fe00:a/64", "2001:db8::5/64"],
        "{:?}",
        interfaces(&mut agent)?
    );
    ensure!(addresses(&mut agent, 1)?.is_empty());
    let routes = routes(&mut agent)?;
    for (member, gateway) in [("gateway", "192.0.2.1"), ("nexthop", "2001:db8::1")] {
        ensure!(routes.iter().any(|route| route[member] == gateway && route["flags"] == 3), "{routes:?}");
    }
    guest.console_shows("unknown option ip=eth0,lost", soon())?;
    // It may still be told to have an address later.
    configure(&mut agent, json!({"name": "eth1", "address": "192.0.2.6", "prefix": 24}))?;
    ensure!(addresses(&mut agent, 1)? == ["192.0.2.6/24"]);
    Ok(())
}

#[test]
fn the_host_changes_an_interface_back_and_forth() -> Result<()> {
    let mut config = config("q35")?;
    config.argument("-netdev", "user,id=net,ipv6=off").virtio("net", "netdev=net");
    config.append = "ip=eth0,10.0.2.99/24".into();
    let Booted { mut agent, guest: _guest } = Booted::start(&config)?;
    let link_local = "fe80::5054:ff:fe12:3456/64";
    let gateway = |agent: &mut Client| -> Result<Option<String>> {
        let routes = routes(agent)?;
        Ok(routes.iter().find_map(|route| Some(route["gateway"].as_str()?.to_string())))
    };
    ensure!(addresses(&mut agent, 0)? == ["10.0.2.99/24", link_local]);
    ensure!(gateway(&mut agent)?.is_none());
    // What was answered has taken effect.
    ensure!(configure(&mut agent, json!({"name": "eth0", "dhcp": true}))? == json!({}));
    ensure!(addresses(&mut agent, 0)? == ["10.0.2.15/24", link_local]);
    ensure!(gateway(&mut agent)?.as_deref() == Some("10.0.2.2"));
    // It has one already.
    ensure!(configure(&mut agent, json!({"name": "eth0", "dhcp": true}))? == json!({}));
    let fixed = json!({"name": "eth0", "address": "192.0.2.7", "prefix": 25, "gateway": "192.0.2.126"});
    ensure!(configure(&mut agent, fixed)? == json!({}));
    ensure!(addresses(&mut agent, 0)? == ["192.0.2.7/25", link_local]);
    ensure!(gateway(&mut agent)?.as_deref() == Some("192.0.2.126"));
    for last in ["5", "6"] {
        let address = format!("2001:db8::{last}");
        configure(
            &mut agent,
            json!({"name": "eth0", "dhcp": false, "address": address, "prefix": 64, "gateway": "fe80::1"}),
        )?;
        ensure!(addresses(&mut agent, 0)? == ["192.0.2.7/25", link_local, format!("{address}/64").as_str()]);
    }
    let routes = routes(&mut agent)?;
    ensure!(routes.iter().filter(|route| route["nexthop"] == "fe80::1").count() == 1, "{routes:?}");
    ensure!(configure(&mut agent, json!({"name": "eth0", "dhcp": true}))? == json!({}));
    ensure!(gateway(&mut agent)?.as_deref() == Some("10.0.2.2"));
    Ok(())
}

#[test]
fn what_cannot_be_configured_is_refused_by_its_name() -> Result<()> {
    let mut config = config("q35")?;
    config.argument("-netdev", "hubport,id=net,hubid=1").virtio("net", "netdev=net");
    config.append = "ip=eth0,192.0.2.5/24,192.0.2.1".into();
    let Booted { mut agent, guest: _guest } = Booted::start(&config)?;
    let before = addresses(&mut agent, 0)?;
    for (arguments, expected) in [
        (json!({}), "Parameter 'name' is missing"),
        (json!({"name": "eth1", "dhcp": true}), "there is no interface of this 'name'"),
        (json!({"name": "an interface of a long name", "dhcp": true}), "there is no interface of this 'name'"),
        (json!({"name": "eth0"}), "either 'dhcp' must be true, or an 'address' be given"),
        (json!({"name": "eth0", "dhcp": false}), "either 'dhcp' must be true, or an 'address' be given"),
        (json!({"name": "eth0", "prefix": 24}), "either 'dhcp' must be true, or an 'address' be given"),
        (
            json!({"name": "eth0", "dhcp": true, "address": "192.0.2.6", "prefix": 24}),
            "with 'dhcp' there is no 'address', 'prefix' or 'gateway' to be given",
        ),
        (
            json!({"name": "eth0", "dhcp": true, "gateway": "192.0.2.1"}),
            "with 'dhcp' there is no 'address', 'prefix' or 'gateway' to be given",
        ),
        (json!({"name": "eth0", "address": "192.0.2.6"}), "'address' needs a 'prefix'"),
        (json!({"name": "eth0", "address": "192.0.2.6/24", "prefix": 24}), "'address' is no IP address"),
        (json!({"name": "eth0", "address": "x".repeat(100), "prefix": 24}), "'address' is no IP address"),
        (
            json!({"name": "eth0", "address": "192.0.2.255", "prefix": 24}),
            "'address' is none that a host can have in a network of this 'prefix'",
        ),
        (
            json!({"name": "eth0", "address": "192.0.2.6", "prefix": 33}),
            "'prefix' must be from 1 to 32, or to 128 for an IPv6 'address'",
        ),
        (
            json!({"name": "eth0", "address": "192.0.2.6", "prefix": 24, "gateway": "router"}),
            "'gateway' is no IP address",
        ),
        (
            json!({"name": "eth0", "address": "192.0.2.6", "prefix": 24, "gateway": "198.51.100.1"}),
            "'gateway' is no other host in the network of 'address'",
        ),
        (json!({"name": "eth0", "dhcp": 1}), "Invalid parameter type for 'dhcp', expected: boolean"),
        (json!({"name": "eth0", "dhcp": true, "mtu": 1500}), "Parameter 'mtu' is unexpected"),
    ] {
        let refused = configure(&mut agent, arguments.clone()).err().with_context(|| format!("{arguments}"))?;
        ensure!(format!("{refused:#}").contains(expected), "{arguments}: {refused:#}");
    }
    ensure!(addresses(&mut agent, 0)? == before);
    Ok(())
}

#[test]
fn a_network_without_an_answer_keeps_nobody_waiting() -> Result<()> {
    let mut config = config("q35")?;
    config.argument("-netdev", "hubport,id=net,hubid=1").virtio("net", "netdev=net");
    let Booted { mut agent, guest: _guest } = Booted::start(&config)?;
    let link_local = ["fe80::5054:ff:fe12:3456/64"];
    ensure!(addresses(&mut agent, 0)? == link_local);
    configure(&mut agent, json!({"name": "eth0", "address": "192.0.2.5", "prefix": 24, "gateway": "192.0.2.1"}))?;
    let before = (addresses(&mut agent, 0)?, routes(&mut agent)?);
    let start = Instant::now();
    let refused = configure(&mut agent, json!({"name": "eth0", "dhcp": true})).err().context("nobody answers")?;
    ensure!(format!("{refused:#}").contains("no DHCP server gave a lease within 10 seconds"), "{refused:#}");
    ensure!(start.elapsed() >= PATIENCE, "given up after {:?}", start.elapsed());
    ensure!((addresses(&mut agent, 0)?, routes(&mut agent)?) == before);
    synchronise(&mut agent, 2)
}

#[test]
fn it_answers_pings_and_counts_what_it_does() -> Result<()> {
    for machine in ["q35", "microvm"] {
        let mut config = config(machine)?;
        config.append = "ip=eth0,192.0.2.5/24".into();
        let mut peer = Peer::of(&mut config, &[("192.0.2.1", 24), ("fe80::1", 64)])?;
        let Booted { mut agent, guest: _guest } = Booted::start(&config)?;
        // The card is brought to life by now: what comes before is lost, and not counted.
        interfaces(&mut agent)?;
        for length in [0, 56, 1400] {
            peer.ping("192.0.2.5", length).with_context(|| machine.to_string())?;
            peer.ping("fe80::5054:ff:fe00:2", length).with_context(|| machine.to_string())?;
        }
        // Broken, and for nobody: an empty frame, one of a MAC address alone, ARP, IPv4 and IPv6 with nothing in them.
        for kind in [&b""[..], &[8, 6], &[8, 0], &[8, 0, 0x45], &[0x86, 0xdd], &[0x86, 0xdd, 0x60, 0xff]] {
            peer.send(&[&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], kind].concat());
        }
        for length in (1..=1498).step_by(7) {
            let frame: Vec<_> = (0..length).map(|index: u32| (index * index * 31 / 8) as u8).collect();
            peer.send(&[&[0xff; 6][..], &[2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0], &frame].concat());
            // As many as a virtqueue takes, so that none is lost on the way.
            peer.ping("192.0.2.5", 8)?;
        }
        let count = |statistics: &Value, way: &str| -> Result<Count> {
            let number = |what: &str| statistics[format!("{way}-{what}")].as_u64().context("a number");
            Ok(Count { frames: number("packets")?, bytes: number("bytes")? })
        };
        let mut shown = String::new();
        let same = soon().poll("equal counts", || {
            let statistics = interfaces(&mut agent)?[0]["statistics"].clone();
            let (sent, received) = peer.counts();
            shown = format!("the guest counts {statistics}, its peer sent {sent:?} and received {received:?}");
            Ok((count(&statistics, "rx")? == sent && count(&statistics, "tx")? == received).then_some(()))
        });
        same.with_context(|| format!("{machine}: {shown}"))?;
        synchronise(&mut agent, 2)?;
    }
    Ok(())
}
