//! The network family, as transcripts.

use std::net::{IpAddr, Ipv6Addr};

use crate::common::{Guest, agent, assert_refused, call, error, guest_with, hear, readable, returned, returns};
use nanoqga::commands::network::{self, Address, Interface, InterfaceStatistics, Interfaces};
use nanoqga::{CommandSet, Failure};

const STATISTICS: &str = r#""statistics":{"rx-bytes":18446744073709551615,"rx-packets":18446744073709551615,"rx-errs":18446744073709551615,"rx-dropped":18446744073709551615,"tx-bytes":18446744073709551615,"tx-packets":18446744073709551615,"tx-errs":18446744073709551615,"tx-dropped":18446744073709551615}"#;

#[test]
fn an_interface_without_addresses_is_only_its_name() {
    let interfaces = |guest: &mut Guest| call(guest, "guest-network-get-interfaces", "");
    assert_eq!(interfaces(&mut guest_with(2, 0, false)), returns(r#"[{"name":"eth0"},{"name":"eth0"}]"#));
    assert_eq!(interfaces(&mut Guest::default()), returns("[]"));
}

#[test]
fn an_interface_has_all_that_the_guest_knows() {
    let four = r#"{"ip-address":"10.0.2.255","ip-address-type":"ipv4","prefix":24}"#;
    let six = r#"{"ip-address":"fe80::5054:ff:fe00:1","ip-address-type":"ipv6","prefix":64}"#;
    let eth0 = format!(
        r#"{{"name":"eth0","hardware-address":"52:54:00:0a:bc:ff",{STATISTICS},"ip-addresses":[{four},{six}]}}"#
    );
    let reply = call(&mut guest_with(2, 2, true), "guest-network-get-interfaces", "");
    assert_eq!(reply, returns(&format!("[{eth0},{eth0}]")));
}

#[test]
fn a_route_has_the_members_of_its_version() {
    let minimal = call(&mut guest_with(2, 0, false), "guest-network-get-route", "");
    assert_eq!(
        minimal,
        returns(
            r#"[{"iface":"eth0","destination":"10.0.0.0","metric":4294967295,"mask":"255.0.0.0","version":4},{"iface":"eth0","destination":"fd00::","metric":4294967295,"desprefixlen":"8","version":6}]"#
        )
    );
    let more = r#""irtt":7,"flags":3,"refcnt":4,"use":5,"window":6,"mtu":1500"#;
    let full = call(&mut guest_with(2, 0, true), "guest-network-get-route", "");
    assert_eq!(
        full,
        returns(&format!(
            r#"[{{"iface":"eth0","destination":"10.0.0.0","metric":4294967295,"gateway":"10.0.2.2","mask":"255.0.0.0",{more},"version":4}},{{"iface":"eth0","destination":"fd00::","metric":4294967295,{more},"desprefixlen":"8","source":"::","srcprefixlen":"0","nexthop":"fe80::2","version":6}}]"#
        ))
    );
}

#[test]
fn a_list_that_cannot_be_had_is_an_error_and_one_that_breaks_ends_early() {
    for command in ["guest-network-get-interfaces", "guest-network-get-route"] {
        let mut guest = Guest { fails_at: Some(0), ..guest_with(3, 1, true) };
        assert_eq!(call(&mut guest, command, ""), error("the guest cannot tell"));
        guest.fails_at = Some(2);
        assert_eq!(call(&mut guest, command, ""), call(&mut guest_with(2, 1, true), command, ""));
        assert_refused(&mut guest, command, &[(r#""x":1"#, "Parameter 'x' is unexpected")]);
    }
}

/// A guest with one interface and the addresses of the test's.
struct Addressed(Vec<IpAddr>, String);

impl Interfaces for Addressed {
    fn interface(&mut self, index: usize) -> Result<Option<Interface<'_>>, Failure> {
        Ok((index == 0).then_some(Interface { name: &self.1, hardware_address: None }))
    }

    fn address(&mut self, _: usize, index: usize) -> Option<Address> {
        self.0.get(index).map(|&address| Address { address, prefix: 0 })
    }

    fn interface_statistics(&mut self, _: usize) -> Option<InterfaceStatistics> {
        None
    }
}

fn interfaces_of(mut guest: Addressed) -> String {
    let commands = CommandSet::new(const { &[network::commands()] });
    let mut agent = agent(&commands);
    hear(&mut agent, br#"{"execute":"guest-network-get-interfaces"}"#);
    let mut reply = vec![0; 1 << 22];
    let length = agent.transmit(&mut guest, &mut reply);
    readable(&reply[..length])
}

#[test]
fn addresses_are_written_as_everybody_else_does() {
    // All patterns of zeros, and some numbers: std's text is the reference.
    let mut addresses: Vec<IpAddr> = (0..256u16)
        .map(|zeros| Ipv6Addr::from(std::array::from_fn(|bit| (zeros >> bit & 1) * (0x1000 >> bit))).into())
        .collect();
    addresses.extend(
        ["::ffff:1.2.3.4", "::1.2.3.4", "64:ff9b::102:304", "0.0.0.0"].map(|text| text.parse::<IpAddr>().unwrap()),
    );
    let reply = returned(&interfaces_of(Addressed(addresses.clone(), "eth0".into())));
    let listed = reply[0]["ip-addresses"].as_array().unwrap();
    assert_eq!(listed.len(), addresses.len());
    for (listed, address) in listed.iter().zip(addresses) {
        assert_eq!(listed["ip-address"], address.to_string());
        assert_eq!(listed["ip-address-type"], if address.is_ipv4() { "ipv4" } else { "ipv6" });
    }
}

#[test]
fn a_name_that_does_not_fit_is_an_error_and_no_torn_line() {
    let too_large = error("a part of the reply is larger than the agent's buffer");
    assert_eq!(interfaces_of(Addressed(Vec::new(), "x".repeat(1000))), too_large);
}
