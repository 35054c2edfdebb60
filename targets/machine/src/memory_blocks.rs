//! The machine's RAM in blocks of one size, as hosts count it.

use heapless::Vec;

use crate::memory::Ram;

const SMALLEST: u64 = 2 << 20;
/// More blocks than this are made fewer and larger.
const MANY: u64 = 512;

/// The blocks that have RAM in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryBlocks {
    /// In the order of their addresses.
    ram: Vec<Ram, 16>,
    size: u64,
}

impl MemoryBlocks {
    /// The blocks of `ram`. `None` if there is none.
    pub fn new(found: &[Ram]) -> Option<Self> {
        // The library's sort is kilobytes of code, for a handful that most loaders have in order.
        let mut ram = Vec::<Ram, 16>::new();
        for piece in found.iter().filter(|piece| piece.start < piece.end) {
            let place = ram.iter().position(|other| other.start > piece.start).unwrap_or(ram.len());
            // More than there is room for are left out.
            let _ = ram.insert(place, *piece);
        }
        let total = ram.iter().fold(0u64, |total, ram| total.saturating_add(ram.end - ram.start));
        // At most 63 doublings away: a total is less than 2 to the power of 64.
        let size = SMALLEST.max((total / MANY).checked_next_power_of_two()?);
        (!ram.is_empty()).then_some(Self { ram, size })
    }

    /// The size of a block in bytes, a power of two from 2 MiB on.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The address, in blocks, of the `index`-th one.
    pub fn nth(&self, index: usize) -> Option<u64> {
        let mut index = index as u64;
        let mut next = 0;
        for ram in &self.ram {
            // Two pieces of RAM may share a block.
            let first = (ram.start / self.size).max(next);
            let end = ram.end.div_ceil(self.size);
            match index.checked_sub(end.saturating_sub(first)) {
                None => return Some(first + index),
                Some(left) => index = left,
            }
            next = next.max(end);
        }
        None
    }

    /// Whether there is a block at an address, in blocks.
    pub fn has(&self, block: u64) -> bool {
        self.ram.iter().any(|ram| (ram.start / self.size..ram.end.div_ceil(self.size)).contains(&block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    fn blocks(ram: &[(u64, u64)]) -> MemoryBlocks {
        let ram: std::vec::Vec<Ram> = ram.iter().map(|&(start, end)| Ram { start, end }).collect();
        MemoryBlocks::new(&ram).unwrap()
    }

    fn all(blocks: &MemoryBlocks) -> std::vec::Vec<u64> {
        (0..).map_while(|index| blocks.nth(index)).collect()
    }

    #[test]
    fn a_small_guest_has_blocks_of_2_mib_that_make_up_its_ram() {
        // What QEMU gives a guest of 16 MiB: a hole below 1 MiB, and tables at the end.
        let blocks = blocks(&[(0, 0x9_fc00), (MIB, 16 * MIB - 0x2_0000)]);
        assert_eq!(blocks.size(), 2 * MIB);
        assert_eq!(all(&blocks), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_large_guest_has_larger_blocks_and_a_hole_below_4_gib() {
        let blocks = blocks(&[(0, 0x9_fc00), (MIB, 3 * GIB - 0x2_0000), (4 * GIB, 65 * GIB)]);
        assert_eq!(blocks.size(), 128 * MIB);
        let all = all(&blocks);
        assert_eq!(all.len() as u64 * blocks.size(), 64 * GIB);
        assert_eq!((all[23], all[24], all[511]), (23, 32, 519));
        assert!(blocks.has(23) && !blocks.has(24) && !blocks.has(31) && blocks.has(519) && !blocks.has(520));
    }

    #[test]
    fn a_map_in_any_order_counts_no_block_twice() {
        let blocks =
            blocks(&[(6 * MIB, 8 * MIB), (0, 5 * MIB), (3 * MIB, 3 * MIB), (MIB, 2 * MIB), (4 * MIB, 7 * MIB)]);
        assert_eq!(all(&blocks), [0, 1, 2, 3]);
    }

    #[test]
    fn without_ram_there_are_no_blocks() {
        assert_eq!(MemoryBlocks::new(&[]), None);
        assert_eq!(MemoryBlocks::new(&[Ram { start: 5, end: 5 }]), None);
    }

    proptest! {
        #[test]
        fn blocks_rise_and_are_there(map: std::vec::Vec<(u64, u64)>, index: usize) {
            let ram = map.into_iter().take(16).map(|(one, other)| Ram { start: one.min(other), end: one.max(other) });
            if let Some(blocks) = MemoryBlocks::new(&ram.collect::<std::vec::Vec<_>>()) {
                let index = index % 1000;
                let (this, next) = (blocks.nth(index), blocks.nth(index + 1));
                prop_assert!(this.is_none_or(|block| blocks.has(block)));
                prop_assert!(next.is_none_or(|next| this.is_some_and(|this| this < next)));
            }
        }
    }
}
