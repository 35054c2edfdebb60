//! The firmware ACPI control structure (ACPI 6.5, 5.2.10): where firmware looks up how a machine that wakes goes on.

use crate::memory::{Memory, u32_at, u64_at};

const SIZE: usize = 64;
const WAKING_VECTOR: u64 = 12;
const EXTENDED_WAKING_VECTOR: u64 = 24;

/// Physical addresses of the two waking vectors. A vector is itself an address: firmware jumps there when the machine wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakingVectors {
    /// Where the vector for code in real mode is: 4 bytes, aligned to 4.
    pub real_mode: u64,
    /// Where the vector for code in another mode is: 8 bytes, aligned to 8. Firmware prefers it unless it is 0. Older
    /// structures have reserved bytes there.
    pub extended: u64,
}

impl WakingVectors {
    /// The vectors in the structure to which a FADT points. The structure has no checksum.
    pub(super) fn find(memory: &impl Memory, fadt: &[u8]) -> Option<Self> {
        let address = u64_at(fadt, 132).filter(|&address| address != 0).or_else(|| u32_at(fadt, 36).map(u64::from))?;
        let facs = memory.bytes(address, SIZE)?;
        let whole = facs.starts_with(b"FACS") && u32_at(facs, 4)? >= SIZE as u32;
        (whole && address.is_multiple_of(SIZE as u64))
            .then_some(Self { real_mode: address + WAKING_VECTOR, extended: address + EXTENDED_WAKING_VECTOR })
    }
}
