//! Router advertisements on which smoltcp 0.14 panics.
//!
//! It makes an address of the advertised prefix before it checks the prefix, and panics if that is impossible. So anybody on the
//! link could end the guest.

use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, Icmpv6Packet, IpProtocol, Ipv6ExtHeader, Ipv6Packet, NdiscPrefixInformation,
    NdiscRepr,
};

/// Whether a frame advertises a prefix that is longer than an address, or that no host's address begins with.
pub(crate) fn is_impossible(frame: &[u8]) -> bool {
    prefix(frame).is_some_and(|advertised| advertised.prefix_len > 128 || advertised.prefix.is_multicast())
}

/// The prefix that smoltcp would find in a frame.
fn prefix(frame: &[u8]) -> Option<NdiscPrefixInformation> {
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
    if protocol != IpProtocol::Icmpv6 {
        return None;
    }
    match NdiscRepr::parse(&Icmpv6Packet::new_checked(payload).ok()?).ok()? {
        NdiscRepr::RouterAdvert { prefix_info, .. } => prefix_info,
        _ => None,
    }
}
