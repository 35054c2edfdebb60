//! The payload behind the loader in its file: this header, the image, and the image's command line.

/// How the image is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where it is copied to, and entered.
    pub address: u64,
    /// How many bytes of memory it takes there.
    pub memory: u64,
    /// How many bytes it has in the file.
    pub image: u64,
    /// How many bytes the command line has, which follows the image.
    pub command_line: u64,
}

impl Header {
    /// How many bytes it has.
    pub const SIZE: usize = 32;

    /// The header as it is in the file, little-endian.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let words = [self.address, self.memory, self.image, self.command_line];
        for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        bytes
    }

    /// The header that is in the file.
    pub fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let mut words = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
        let mut next = || words.next().unwrap_or_default();
        Self { address: next(), memory: next(), image: next(), command_line: next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = Header { address: 0x4020_0000, memory: 0x20_0000, image: 62 << 10, command_line: 7 };
        assert_eq!(header.to_bytes()[..9], [0, 0, 0x20, 0x40, 0, 0, 0, 0, 0]);
        assert_eq!(Header::from_bytes(header.to_bytes()), header);
    }
}
