//! The firmware ACPI control structure (ACPI 6.5, 5.2.10): where a machine that wakes is told to go on.

use crate::memory::{Memory, u32_at, u64_at};

const SIZE: usize = 64;
const WAKING_VECTOR: u64 = 12;
const EXTENDED_WAKING_VECTOR: u64 = 24;

/// Where firmware looks, as physical addresses, each aligned for what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakingVectors {
    /// The address of code for real mode, 32 bits.
    pub real_mode: u64,
    /// The address of code for another mode, 64 bits, which counts before the first one unless it is 0. Older structures
    /// have reserved bytes there.
    pub extended: u64,
}

impl WakingVectors {
    /// The vectors in the structure that a FADT points to, which has no checksum.
    pub(super) fn find(memory: &impl Memory, fadt: &[u8]) -> Option<Self> {
        let address = u64_at(fadt, 132).filter(|&address| address != 0).or_else(|| u32_at(fadt, 36).map(u64::from))?;
        let facs = memory.bytes(address, SIZE)?;
        let whole = facs.starts_with(b"FACS") && u32_at(facs, 4)? >= SIZE as u32;
        (whole && address.is_multiple_of(SIZE as u64))
            .then_some(Self { real_mode: address + WAKING_VECTOR, extended: address + EXTENDED_WAKING_VECTOR })
    }
}
