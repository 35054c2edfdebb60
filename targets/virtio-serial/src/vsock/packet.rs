//! Packets: virtio 1.2, section 5.10.6.

/// Bytes of a packet's header. Its data follow them.
pub(crate) const HEADER_BYTES: usize = 44;

/// Sockets that are streams of bytes (`type`).
pub(crate) const STREAM: u16 = 1;

/// The peer receives no more (`flags` of SHUTDOWN).
pub(crate) const SHUTDOWN_RECEIVE: u32 = 1 << 0;
/// The peer sends no more.
pub(crate) const SHUTDOWN_SEND: u32 = 1 << 1;
pub(crate) const SHUTDOWN_BOTH: u32 = SHUTDOWN_RECEIVE | SHUTDOWN_SEND;

/// What a packet is for (`op`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Operation(pub(crate) u16);

impl Operation {
    /// Means nothing.
    pub(crate) const INVALID: Self = Self(0);
    pub(crate) const REQUEST: Self = Self(1);
    pub(crate) const RESPONSE: Self = Self(2);
    pub(crate) const RESET: Self = Self(3);
    pub(crate) const SHUTDOWN: Self = Self(4);
    pub(crate) const DATA: Self = Self(5);
    pub(crate) const CREDIT_UPDATE: Self = Self(6);
    pub(crate) const CREDIT_REQUEST: Self = Self(7);
}

/// Who is at the other end: a context ID, which is 2 for the host, and a port of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Peer {
    pub(crate) cid: u64,
    pub(crate) port: u32,
}

/// A packet's header. `peer` is its source if it is received, and its destination if it is sent; `own` is the other one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) peer: Peer,
    pub(crate) own: Peer,
    /// Number of bytes that follow.
    pub(crate) length: u32,
    pub(crate) kind: u16,
    pub(crate) operation: Operation,
    pub(crate) flags: u32,
    /// Size of the sender's receive buffer.
    pub(crate) window: u32,
    /// Number of bytes that the sender has taken out of that buffer so far. It wraps.
    pub(crate) taken: u32,
}

impl Header {
    /// Parses the header of a received packet. Any bytes are a header.
    pub(crate) fn parse(bytes: &[u8; HEADER_BYTES]) -> Self {
        let mut rest = &bytes[..];
        let [from, to] = [(); 2].map(|()| u64::from_le_bytes(next(&mut rest)));
        let [from_port, to_port, length] = [(); 3].map(|()| u32::from_le_bytes(next(&mut rest)));
        let [kind, operation] = [(); 2].map(|()| u16::from_le_bytes(next(&mut rest)));
        let [flags, window, taken] = [(); 3].map(|()| u32::from_le_bytes(next(&mut rest)));
        Self {
            peer: Peer { cid: from, port: from_port },
            own: Peer { cid: to, port: to_port },
            length,
            kind,
            operation: Operation(operation),
            flags,
            window,
            taken,
        }
    }

    /// The bytes of a header that is sent.
    pub(crate) fn bytes(&self) -> [u8; HEADER_BYTES] {
        let fields: [&[u8]; 10] = [
            &self.own.cid.to_le_bytes(),
            &self.peer.cid.to_le_bytes(),
            &self.own.port.to_le_bytes(),
            &self.peer.port.to_le_bytes(),
            &self.length.to_le_bytes(),
            &self.kind.to_le_bytes(),
            &self.operation.0.to_le_bytes(),
            &self.flags.to_le_bytes(),
            &self.window.to_le_bytes(),
            &self.taken.to_le_bytes(),
        ];
        let mut bytes = [0; HEADER_BYTES];
        bytes.iter_mut().zip(fields.into_iter().flatten()).for_each(|(byte, &field)| *byte = field);
        bytes
    }
}

/// Takes the next `N` bytes, zeros behind the end.
fn next<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let Some((&first, behind)) = rest.split_first_chunk() else { return [0; N] };
    *rest = behind;
    first
}

#[cfg(test)]
mod tests {
    use super::{HEADER_BYTES, Header, Operation, Peer};

    #[test]
    fn every_field_is_where_the_specification_has_it() {
        let bytes: [u8; HEADER_BYTES] = core::array::from_fn(|place| place as u8);
        let header = Header::parse(&bytes);
        let word = |place: u8| u32::from_le_bytes([place, place + 1, place + 2, place + 3]);
        let long = |place: u8| u64::from(word(place + 4)) << 32 | u64::from(word(place));
        let expected = Header {
            peer: Peer { cid: long(0), port: word(16) },
            own: Peer { cid: long(8), port: word(20) },
            length: word(24),
            kind: 0x1d1c,
            operation: Operation(0x1f1e),
            flags: word(32),
            window: word(36),
            taken: word(40),
        };
        assert_eq!(header, expected);

        // What is sent has both ends the other way round.
        let sent = Header { peer: header.own, own: header.peer, ..header };
        assert_eq!(sent.bytes(), bytes);
    }
}
