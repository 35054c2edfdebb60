//! Packets as a device sees them: virtio 1.2, section 5.10.6.

pub const HEADER_BYTES: usize = 44;
pub const HOST: u64 = 2;
pub const STREAM: u16 = 1;

pub const REQUEST: u16 = 1;
pub const RESPONSE: u16 = 2;
pub const RST: u16 = 3;
pub const SHUTDOWN: u16 = 4;
pub const RW: u16 = 5;
pub const CREDIT_UPDATE: u16 = 6;
pub const CREDIT_REQUEST: u16 = 7;

pub const RECEIVES_NO_MORE: u32 = 1;
pub const SENDS_NO_MORE: u32 = 2;

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Packet {
    pub from: (u64, u32),
    pub to: (u64, u32),
    pub kind: u16,
    pub operation: u16,
    pub flags: u32,
    pub window: u32,
    pub taken: u32,
    pub data: Vec<u8>,
}

impl Packet {
    pub fn bytes(&self) -> Vec<u8> {
        self.claiming(self.data.len() as u32)
    }

    /// The bytes, with a length that need not be that of the data.
    pub fn claiming(&self, length: u32) -> Vec<u8> {
        [
            &self.from.0.to_le_bytes()[..],
            &self.to.0.to_le_bytes(),
            &self.from.1.to_le_bytes(),
            &self.to.1.to_le_bytes(),
            &length.to_le_bytes(),
            &self.kind.to_le_bytes(),
            &self.operation.to_le_bytes(),
            &self.flags.to_le_bytes(),
            &self.window.to_le_bytes(),
            &self.taken.to_le_bytes(),
            &self.data,
        ]
        .concat()
    }

    /// What the driver has sent, whose length must be that of its data.
    pub fn parse(bytes: &[u8]) -> Self {
        assert!(bytes.len() >= HEADER_BYTES, "a packet has a header (5.10.6)");
        let word = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        let long = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        let short = |at: usize| u16::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        let data = bytes[HEADER_BYTES..].to_vec();
        assert_eq!(word(24) as usize, data.len(), "the length is that of the data");
        Self {
            from: (long(0), word(16)),
            to: (long(8), word(20)),
            kind: short(28),
            operation: short(30),
            flags: word(32),
            window: word(36),
            taken: word(40),
            data,
        }
    }
}
