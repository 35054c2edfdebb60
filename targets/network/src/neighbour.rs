//! A ping from a neighbour whose hardware address is not known yet.
//!
//! smoltcp asks for the address in place of its answer, which is lost. So the ping is kept until a neighbour has told its address,
//! and is then answered as if it came only now.

use smoltcp::wire::{
    ArpOperation, ArpPacket, EthernetFrame, EthernetProtocol, Icmpv4Message, Icmpv4Packet, Icmpv6Message, Icmpv6Packet,
    IpProtocol, Ipv4Packet, Ipv6Packet,
};

use crate::frame::MAX_FRAME;

/// What a frame is to the one who waits for a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ping,
    /// It asks for a hardware address.
    Question,
    /// It tells one. A question does that, too: whose it is.
    Answer,
    Other,
}

fn kind(frame: &[u8]) -> Option<Kind> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    Some(match frame.ethertype() {
        EthernetProtocol::Arp => match ArpPacket::new_checked(frame.payload()).ok()?.operation() {
            ArpOperation::Request => Kind::Question,
            _ => Kind::Answer,
        },
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let is_icmp = packet.next_header() == IpProtocol::Icmp;
            match Icmpv4Packet::new_checked(packet.payload()).ok().filter(|_| is_icmp)?.msg_type() {
                Icmpv4Message::EchoRequest => Kind::Ping,
                _ => Kind::Other,
            }
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            let is_icmp = packet.next_header() == IpProtocol::Icmpv6;
            match Icmpv6Packet::new_checked(packet.payload()).ok().filter(|_| is_icmp)?.msg_type() {
                Icmpv6Message::EchoRequest => Kind::Ping,
                Icmpv6Message::NeighborSolicit => Kind::Question,
                Icmpv6Message::NeighborAdvert => Kind::Answer,
                _ => Kind::Other,
            }
        }
        _ => Kind::Other,
    })
}

/// A ping that was not answered yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    frame: [u8; MAX_FRAME],
    length: usize,
    /// Whether a neighbour has told its address since.
    is_due: bool,
}

impl Waiting {
    pub(crate) const NONE: Self = Self { frame: [0; MAX_FRAME], length: 0, is_due: false };

    /// Notes a frame that was received. What waits is due if this may be the answer that it waits for.
    pub(crate) fn received(&mut self, frame: &[u8]) {
        self.is_due |= self.length > 0 && matches!(kind(frame), Some(Kind::Answer | Kind::Question));
    }

    /// Notes a frame that is sent in answer to another one.
    pub(crate) fn answered(&mut self, asked: &[u8], answer: &[u8]) {
        let is_postponed = kind(asked) == Some(Kind::Ping) && kind(answer) == Some(Kind::Question);
        if let Some(room) = self.frame.get_mut(..asked.len()).filter(|_| is_postponed) {
            room.iter_mut().zip(asked).for_each(|(place, byte)| *place = *byte);
            (self.length, self.is_due) = (asked.len(), false);
        }
    }

    /// Copies what is due to the beginning of `into`, and returns its length.
    pub(crate) fn take(&mut self, into: &mut [u8; MAX_FRAME]) -> Option<usize> {
        let length = core::mem::take(&mut self.length);
        if core::mem::take(&mut self.is_due) {
            *into = self.frame;
            return Some(length);
        }
        self.length = length;
        None
    }
}
