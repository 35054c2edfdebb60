//! The ICMPv6 message in a frame, also behind a hop-by-hop header: for what is looked at before smoltcp sees it.

use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv6Packet, IpProtocol, Ipv6Address, Ipv6ExtHeader, Ipv6Packet,
};

/// A message, and what its frame says of it.
pub(crate) struct Message<'a> {
    pub(crate) sender: EthernetAddress,
    pub(crate) from: Ipv6Address,
    pub(crate) hop_limit: u8,
    pub(crate) packet: Icmpv6Packet<&'a [u8]>,
}

/// The message in a frame.
pub(crate) fn message(frame: &[u8]) -> Option<Message<'_>> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    if frame.ethertype() != EthernetProtocol::Ipv6 {
        return None;
    }
    let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
    let mut payload = packet.payload();
    let mut protocol = packet.next_header();
    if protocol == IpProtocol::HopByHop {
        let options = Ipv6ExtHeader::new_checked(payload).ok()?;
        protocol = options.next_header();
        // The length is in units of 8 bytes, without the first 8 (RFC 8200, 4.3).
        payload = payload.get(8 * (usize::from(options.header_len()) + 1)..)?;
    }
    let (sender, from, hop_limit) = (frame.src_addr(), packet.src_addr(), packet.hop_limit());
    let packet = Icmpv6Packet::new_checked(payload).ok().filter(|_| protocol == IpProtocol::Icmpv6)?;
    Some(Message { sender, from, hop_limit, packet })
}
