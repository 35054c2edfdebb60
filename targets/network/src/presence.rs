//! What a host owes its link for each IPv6 address: to find out whether another host has it (RFC 4862, section 5.4), to tell
//! another one that wants it, and to tell switches which groups it listens to (RFC 3810).
//!
//! Own code, because smoltcp 0.14 does neither of the first two, answers questions of hosts without an address to nobody, and tells
//! switches of a group it joins that it has left it.
//!
//! An address is used while it is checked, as RFC 4429 allows: so a guest that has just booted answers at once.

use core::net::Ipv6Addr;

use heapless::Vec;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv6Message, Icmpv6Packet, Icmpv6Repr,
    IpProtocol, Ipv6Packet, Ipv6Repr, MldAddressRecordRepr, MldRecordType, MldRepr, NdiscNeighborFlags, NdiscRepr,
};

use crate::frame::MAX_FRAME;
use crate::icmpv6::message;

/// The most addresses: link-local, assigned, and one for each prefix.
const MAX_ADDRESSES: usize = 5;
/// How long another host has to say that an address is its own.
const CHECK: Duration = Duration::from_secs(1);
/// How often a change is reported, because a report may be lost, and the time between two reports.
const REPORTS: u8 = 2;
const REPORT_AGAIN: Duration = Duration::from_secs(1);
/// The longest time before the answer to a query, in milliseconds.
const LONGEST_DELAY: u64 = 10_000;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Those who are told of groups (RFC 3810, section 5.2.14).
const ALL_LISTENERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// A hop-by-hop header before ICMPv6, with a router alert for MLD and padding (RFC 2711).
const ROUTER_ALERT: [u8; 8] = [58, 0, 5, 2, 0, 0, 1, 0];

/// An address.
#[derive(Clone, Copy, Debug)]
struct Own {
    address: Ipv6Addr,
    /// When others were asked for it. `None`: not yet.
    checked: Option<Instant>,
}

/// The addresses of a link, and what is to be sent for them.
#[derive(Debug)]
pub(crate) struct Presence {
    mac: EthernetAddress,
    own: Vec<Own, MAX_ADDRESSES>,
    /// When to report the groups next, and how many reports of a change are left.
    report: Option<Instant>,
    changes: u8,
    /// An address that another host wants.
    wanted: Option<Ipv6Addr>,
    /// An address that another host has.
    duplicate: Option<Ipv6Addr>,
}

impl Presence {
    pub(crate) const fn new(mac: EthernetAddress) -> Self {
        Self { mac, own: Vec::new(), report: None, changes: 0, wanted: None, duplicate: None }
    }

    /// Takes the addresses that the link has now.
    pub(crate) fn follow(&mut self, addresses: &[Ipv6Addr], now: Instant) {
        let before = self.own.len();
        self.own.retain(|own| addresses.contains(&own.address));
        let mut has_changed = self.own.len() != before;
        for &address in addresses {
            if !self.own.iter().any(|own| own.address == address) {
                has_changed |= self.own.push(Own { address, checked: None }).is_ok();
            }
        }
        if has_changed {
            (self.report, self.changes) = (Some(now), REPORTS);
        }
    }

    /// An address of which another host has said that it has it, once.
    pub(crate) const fn take_duplicate(&mut self) -> Option<Ipv6Addr> {
        self.duplicate.take()
    }

    /// When there is something to send. `None`: never, unless a frame comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        let is_now = self.wanted.is_some() || self.own.iter().any(|own| own.checked.is_none());
        if is_now { Some(Instant::ZERO) } else { self.report }
    }

    /// Looks at a received frame. Returns whether smoltcp must not see it.
    pub(crate) fn heard(&mut self, frame: &[u8], now: Instant) -> bool {
        let Some(message) = message(frame).filter(|message| message.sender != self.mac) else { return false };
        match message.packet.msg_type() {
            Icmpv6Message::MldQuery if message.hop_limit == 1 && message.from.is_unicast_link_local() => {
                let longest = u64::from(message.packet.max_resp_code()).min(LONGEST_DELAY);
                // Each host answers at another time.
                let delay = longest * u64::from(self.mac.0[5]) / 256;
                let at = now + Duration::from_millis(delay);
                self.report = Some(self.report.map_or(at, |report| report.min(at)));
                false
            }
            Icmpv6Message::NeighborSolicit | Icmpv6Message::NeighborAdvert if message.hop_limit == 255 => {
                match NdiscRepr::parse(&message.packet) {
                    Ok(NdiscRepr::NeighborSolicit { target_addr, .. }) if message.from.is_unspecified() => {
                        self.wanted = self.wanted.or(self.is_settled(target_addr, now));
                        true
                    }
                    Ok(NdiscRepr::NeighborAdvert { target_addr, .. }) => {
                        _ = self.is_settled(target_addr, now);
                        false
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// Returns an address that is this host's if that is settled. If it is still checked, another host has it.
    fn is_settled(&mut self, address: Ipv6Addr, now: Instant) -> Option<Ipv6Addr> {
        let own = self.own.iter().find(|own| own.address == address)?;
        if own.checked.is_some_and(|checked| checked + CHECK <= now) {
            return Some(address);
        }
        self.duplicate = Some(address);
        None
    }

    /// Writes a frame that is due to the beginning of `frame`, and returns its length.
    pub(crate) fn poll(&mut self, now: Instant, frame: &mut [u8; MAX_FRAME]) -> Option<usize> {
        if self.report.is_some_and(|report| report <= now) {
            return self.write_report(now, frame);
        }
        if let Some(own) = self.own.iter_mut().find(|own| own.checked.is_none()) {
            own.checked = Some(now);
            let target_addr = own.address;
            let question = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, lladdr: None });
            return self.write(Ipv6Addr::UNSPECIFIED, group(target_addr), 255, &[], &question, frame);
        }
        let target_addr = self.wanted.take()?;
        let (flags, lladdr) = (NdiscNeighborFlags::OVERRIDE, Some(self.mac.into()));
        let answer = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert { flags, target_addr, lladdr });
        self.write(target_addr, ALL_NODES, 255, &[], &answer, frame)
    }

    fn write_report(&mut self, now: Instant, frame: &mut [u8; MAX_FRAME]) -> Option<usize> {
        // Without sources to leave out, both kinds mean that the host listens to the group.
        let kind = if self.changes > 0 { MldRecordType::ChangeToExclude } else { MldRecordType::ModeIsExclude };
        self.changes = self.changes.saturating_sub(1);
        self.report = (self.changes > 0).then_some(now + REPORT_AGAIN);
        let mut groups = Vec::<Ipv6Addr, MAX_ADDRESSES>::new();
        for group in self.own.iter().map(|own| group(own.address)) {
            if !groups.contains(&group) {
                _ = groups.push(group);
            }
        }
        let records: Vec<_, MAX_ADDRESSES> =
            groups.iter().map(|&group| MldAddressRecordRepr::new(kind, group)).collect();
        // A host may use its link-local address here when nobody else has it (RFC 3590).
        let is_usable = |own: &&Own| {
            own.address.is_unicast_link_local() && own.checked.is_some_and(|checked| checked + CHECK <= now)
        };
        let from = self.own.iter().find(is_usable).map_or(Ipv6Addr::UNSPECIFIED, |own| own.address);
        let report = Icmpv6Repr::Mld(MldRepr::ReportRecordReprs(&records));
        self.write(from, ALL_LISTENERS, 1, &ROUTER_ALERT, &report, frame)
    }

    fn write(
        &self,
        from: Ipv6Addr,
        to: Ipv6Addr,
        hop_limit: u8,
        options: &[u8],
        message: &Icmpv6Repr<'_>,
        frame: &mut [u8; MAX_FRAME],
    ) -> Option<usize> {
        let records = match message {
            // smoltcp counts a report's records apart from it.
            Icmpv6Repr::Mld(MldRepr::ReportRecordReprs(records)) => {
                records.iter().map(MldAddressRecordRepr::buffer_len).sum()
            }
            _ => 0,
        };
        let payload_len = options.len() + message.buffer_len() + records;
        let next_header = if options.is_empty() { IpProtocol::Icmpv6 } else { IpProtocol::HopByHop };
        let ip = Ipv6Repr { src_addr: from, dst_addr: to, next_header, payload_len, hop_limit };
        let [.., a, b, c, d] = to.octets();
        let ethernet = EthernetRepr {
            src_addr: self.mac,
            dst_addr: EthernetAddress([0x33, 0x33, a, b, c, d]),
            ethertype: EthernetProtocol::Ipv6,
        };
        let total = ethernet.buffer_len() + ip.buffer_len() + payload_len;
        let mut frame = EthernetFrame::new_unchecked(frame.get_mut(..total)?);
        ethernet.emit(&mut frame);
        let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
        ip.emit(&mut packet);
        let (before, after) = packet.payload_mut().split_at_mut_checked(options.len())?;
        before.iter_mut().zip(options).for_each(|(place, byte)| *place = *byte);
        message.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(after), &ChecksumCapabilities::default());
        Some(total)
    }
}

/// The group in which questions for an address are asked (RFC 4291, section 2.7.1).
const fn group(address: Ipv6Addr) -> Ipv6Addr {
    let [.., low, last] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | low & 0xff, last)
}
