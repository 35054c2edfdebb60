//! The peers without a connection that must be sent a RST.

use super::packet::{Header, Operation, Peer};

/// How many there are at most. Further ones are sent none, because receiving must not wait for sending (section 5.10.6.1).
const MAX: usize = 8;

/// Packets that are answered with a RST once there is a buffer for it.
#[derive(Default)]
pub(crate) struct Resets([Option<Reset>; MAX]);

struct Reset {
    peer: Peer,
    /// The port that the peer has sent a packet to.
    port: u32,
    kind: u16,
}

impl Resets {
    /// Adds an answer to this packet. Returns whether there was room.
    pub(crate) fn add(&mut self, peer: Peer, port: u32, kind: u16) -> bool {
        let is_there = |known: &Reset| known.peer == peer && known.port == port;
        if self.0.iter().flatten().any(is_there) {
            return true;
        }
        let place = self.0.iter_mut().find(|place| place.is_none());
        place.map(|place| *place = Some(Reset { peer, port, kind })).is_some()
    }

    /// A new connection of this peer must not be ended by an older RST.
    pub(crate) fn forget(&mut self, peer: Peer, port: u32) {
        for place in &mut self.0 {
            *place = place.take().filter(|reset| reset.peer != peer || reset.port != port);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next packet to send.
    pub(crate) fn next(&mut self, cid: u64) -> Option<Header> {
        let Reset { peer, port, kind } = self.0.iter_mut().find_map(Option::take)?;
        let own = Peer { cid, port };
        Some(Header { peer, own, length: 0, kind, operation: Operation::RESET, flags: 0, window: 0, taken: 0 })
    }
}
