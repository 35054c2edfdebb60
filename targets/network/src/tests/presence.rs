//! IPv6 addresses that others want or have, and the groups that the link listens to.

use core::net::Ipv6Addr;
use std::vec::Vec;

use smoltcp::wire::{
    EthernetAddress, Icmpv6Message, Icmpv6Packet, Icmpv6Repr, Ipv6Packet, MldRepr, NdiscNeighborFlags, NdiscRepr,
};

use super::lan::{LINK_LOCAL, Lan, icmpv6};
use super::{ALL_NODES, BY_PREFIX, PREFIX, ROUTER_V6, advertisement, assigned};

const ASSIGNED: &str = "2001:db8:9::5/64";

fn own(text: &str) -> Ipv6Addr {
    text.trim_end_matches("/64").parse().unwrap()
}

/// The ICMPv6 messages that were sent: from, to, hop limit and the message.
fn sent(lan: &mut Lan) -> Vec<(Ipv6Addr, Ipv6Addr, u8, Vec<u8>)> {
    let frames = lan.sent().into_iter().filter(|frame| frame[12..14] == [0x86, 0xdd]);
    let messages = frames.map(|frame| {
        let packet = Ipv6Packet::new_checked(&frame[14..]).unwrap();
        let group = packet.dst_addr().octets();
        assert_eq!(frame[..6], [&[0x33, 0x33], &group[12..]].concat()[..], "the group's hardware address");
        let options = if packet.next_header() == smoltcp::wire::IpProtocol::HopByHop { 8 } else { 0 };
        let message = packet.payload()[options..].to_vec();
        let checked = Icmpv6Packet::new_checked(&message[..]).unwrap();
        assert!(checked.verify_checksum(&packet.src_addr(), &packet.dst_addr()));
        (packet.src_addr(), packet.dst_addr(), packet.hop_limit(), message)
    });
    messages.collect()
}

fn question(target_addr: Ipv6Addr) -> Vec<u8> {
    let question = NdiscRepr::NeighborSolicit { target_addr, lladdr: None };
    icmpv6(Ipv6Addr::UNSPECIFIED, ALL_NODES, &Icmpv6Repr::Ndisc(question), 0)
}

fn answer(target_addr: Ipv6Addr) -> Vec<u8> {
    let lladdr = Some(EthernetAddress([2, 0, 0, 0, 0, 1]).into());
    let flags = NdiscNeighborFlags::OVERRIDE;
    icmpv6(target_addr, ALL_NODES, &Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert { flags, target_addr, lladdr }), 0)
}

#[test]
fn others_are_asked_for_each_address_and_told_of_its_group() {
    let mut lan = Lan::new(&[assigned("192.0.2.5/24"), assigned(ASSIGNED)]);
    lan.pass(1);
    let messages = sent(&mut lan);
    let kind = |message: &[u8]| Icmpv6Message::from(message[0]);
    for (text, group) in [(LINK_LOCAL, "ff02::1:ff00:2"), (ASSIGNED, "ff02::1:ff00:5")] {
        let asked = messages.iter().filter(|(from, to, hops, message)| {
            from.is_unspecified()
                && *to == group.parse::<Ipv6Addr>().unwrap()
                && *hops == 255
                && kind(message) == Icmpv6Message::NeighborSolicit
                && message[8..24] == own(text).octets()
        });
        assert_eq!(asked.count(), 1, "{text}: {messages:?}");
    }
    lan.pass(2);
    let all = [messages, sent(&mut lan)].concat();
    let reports: Vec<_> = all.iter().filter(|(.., message)| kind(message) == Icmpv6Message::MldReport).collect();
    let [first, second] = &reports[..] else { panic!("two reports: {reports:?}") };
    assert_eq!((first.0, second.0), (Ipv6Addr::UNSPECIFIED, own(LINK_LOCAL)));
    for (_, to, hops, message) in reports {
        assert_eq!((*to, *hops, message.len()), ("ff02::16".parse().unwrap(), 1, 8 + 2 * 20));
        let records: Vec<_> = message[8..].chunks(20).map(|record| (record[0], record[4..].to_vec())).collect();
        // The kind 4 is CHANGE_TO_EXCLUDE_MODE: it listens to all of the group.
        let group = |text: &str| (4, text.parse::<Ipv6Addr>().unwrap().octets().to_vec());
        assert_eq!(records, [group("ff02::1:ff00:2"), group("ff02::1:ff00:5")]);
    }
    // An address that comes later is checked, too; its group is the link-local one's.
    lan.send(advertisement(ROUTER_V6, 100, PREFIX, 64, 0));
    lan.pass(3);
    let asked = sent(&mut lan).into_iter().filter(|(.., message)| message[8..24] == own(BY_PREFIX).octets());
    assert_eq!(asked.count(), 1);
}

#[test]
fn queries_are_answered_in_time() {
    let mut lan = Lan::new(&[]);
    lan.pass(30);
    lan.sent();
    let query = |from| {
        let query = MldRepr::Query {
            max_resp_code: 5000,
            mcast_addr: Ipv6Addr::UNSPECIFIED,
            s_flag: false,
            qrv: 2,
            qqic: 125,
            num_srcs: 0,
            data: &[],
        };
        let mut frame = icmpv6(from, ALL_NODES, &Icmpv6Repr::Mld(query), 8);
        frame[14 + 7] = 1;
        frame
    };
    lan.send(query(ROUTER_V6));
    lan.pass(5);
    let reports = sent(&mut lan);
    assert!(matches!(&reports[..], [(_, _, 1, message)] if message[0] == 143 && message[8] == 2), "{reports:?}");
    // Of hosts on other links there is none.
    lan.send(query(own("2001:db8::9")));
    lan.pass(10);
    assert!(sent(&mut lan).is_empty());
}

#[test]
fn a_host_that_wants_an_address_of_the_link_is_told() {
    let mut lan = Lan::new(&[assigned(ASSIGNED)]);
    lan.pass(5);
    lan.sent();
    for text in [LINK_LOCAL, ASSIGNED] {
        lan.send(question(own(text)));
        let told = sent(&mut lan);
        let [(from, to, 255, message)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((*from, *to, message[0]), (own(text), ALL_NODES, 136));
        assert_eq!(message[4], 0x20, "it overrides, and was not asked by a host with an address");
    }
    lan.send(question(own("fe80::77")));
    assert!(sent(&mut lan).is_empty());
    assert_eq!(lan.addresses(), [LINK_LOCAL, ASSIGNED]);
}

#[test]
fn an_address_that_another_host_has_is_given_up() {
    for conflict in [question, answer] {
        let mut lan = Lan::new(&[assigned("192.0.2.5/24"), assigned(ASSIGNED)]);
        lan.link.poll(lan.now);
        lan.send(conflict(own(ASSIGNED)));
        assert_eq!(lan.link.take_duplicate(), Some(own(ASSIGNED)));
        assert_eq!(lan.addresses(), ["192.0.2.5/24", LINK_LOCAL]);
        // The other one is made of the hardware address.
        lan.send(conflict(own(LINK_LOCAL)));
        assert_eq!(lan.link.take_duplicate(), Some(own(LINK_LOCAL)));
        lan.send(advertisement(ROUTER_V6, 100, PREFIX, 64, 0));
        lan.sent();
        lan.pass(60);
        assert_eq!(lan.addresses(), ["192.0.2.5/24"]);
        assert!(sent(&mut lan).is_empty(), "IPv6 is not used any more");
        assert_eq!(lan.link.take_duplicate(), None);
    }
}

#[test]
fn what_the_link_says_itself_and_what_comes_later_is_no_conflict() {
    let mut lan = Lan::new(&[assigned("192.0.2.5/24")]);
    lan.link.poll(lan.now);
    // A hub sends everything back.
    let mut echo = question(own(LINK_LOCAL));
    echo[6..12].copy_from_slice(&super::lan::MAC);
    lan.send(echo);
    lan.pass(3);
    lan.send(answer(own(LINK_LOCAL)));
    lan.pass(3);
    assert_eq!(lan.addresses(), ["192.0.2.5/24", LINK_LOCAL]);
    assert_eq!(lan.link.take_duplicate(), None);
}
