//! A ring of bytes in a page that another domain can write to, too.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// A ring of bytes. One side puts bytes in, the other takes them out; each has a counter, which only grows and wraps.
///
/// The other side may write whatever it likes, at any time. No counter of its leads out of the ring.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'p> {
    bytes: &'p [AtomicU8],
    taken: &'p AtomicU32,
    put: &'p AtomicU32,
}

impl<'p> Ring<'p> {
    /// A ring of some bytes, of which there are a power of two, and the counters of those that were taken out and put in.
    pub const fn new(bytes: &'p [AtomicU8], taken: &'p AtomicU32, put: &'p AtomicU32) -> Self {
        Self { bytes, taken, put }
    }

    const fn size(&self) -> u32 {
        self.bytes.len() as u32
    }

    /// How many bytes can be taken out: at most as many as the ring has.
    pub fn used(&self) -> u32 {
        let put = self.put.load(Ordering::Acquire);
        // The other side is broken if it counts more.
        put.wrapping_sub(self.taken.load(Ordering::Acquire)).min(self.size())
    }

    /// How many bytes can be put in.
    pub fn room(&self) -> u32 {
        self.size().wrapping_sub(self.used())
    }

    fn byte(&self, index: u32) -> Option<&'p AtomicU8> {
        self.bytes.get((index & self.size().wrapping_sub(1)) as usize)
    }

    /// Takes as many bytes out as there are and `buffer` has room for; returns how many.
    pub fn take(&self, buffer: &mut [u8]) -> usize {
        let start = self.taken.load(Ordering::Relaxed);
        let mut index = start;
        for (slot, _) in buffer.iter_mut().zip(0..self.used()) {
            let Some(byte) = self.byte(index) else { break };
            *slot = byte.load(Ordering::Relaxed);
            index = index.wrapping_add(1);
        }
        self.taken.store(index, Ordering::Release);
        index.wrapping_sub(start) as usize
    }

    /// Puts as many of the bytes in as there is room for; returns how many.
    pub fn put(&self, bytes: &[u8]) -> usize {
        let start = self.put.load(Ordering::Relaxed);
        let mut index = start;
        for (&byte, _) in bytes.iter().zip(0..self.room()) {
            let Some(slot) = self.byte(index) else { break };
            slot.store(byte, Ordering::Relaxed);
            index = index.wrapping_add(1);
        }
        self.put.store(index, Ordering::Release);
        index.wrapping_sub(start) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn counters(at: u32) -> [AtomicU32; 2] {
        [AtomicU32::new(at), AtomicU32::new(at)]
    }

    #[test]
    fn it_is_full_and_empty_where_counters_wrap() {
        let (bytes, [taken, put]) = ([const { AtomicU8::new(0) }; 8], counters(u32::MAX - 2));
        let ring = Ring::new(&bytes, &taken, &put);
        assert_eq!((ring.used(), ring.room()), (0, 8));
        assert_eq!(ring.put(b"0123456789"), 8);
        assert_eq!((ring.used(), ring.room()), (8, 0));
        let mut out = [0; 5];
        assert_eq!(ring.take(&mut out), 5);
        assert_eq!(&out, b"01234");
        assert_eq!(ring.put(b"ab"), 2);
        let mut out = [0; 9];
        assert_eq!(ring.take(&mut out), 5);
        assert_eq!(&out[..5], b"567ab");
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out(at: u32, pieces: Vec<(Vec<u8>, u8)>) {
            let (bytes, [taken, put]) = ([const { AtomicU8::new(0) }; 16], counters(at));
            let ring = Ring::new(&bytes, &taken, &put);
            let (mut sent, mut got) = (Vec::new(), Vec::new());
            for (piece, wanted) in pieces {
                sent.extend_from_slice(&piece[..ring.put(&piece)]);
                let mut out = std::vec![0; wanted.into()];
                let length = ring.take(&mut out);
                got.extend_from_slice(&out[..length]);
            }
            prop_assert_eq!(&sent[..got.len()], &*got);
            prop_assert_eq!(sent.len() - got.len(), ring.used() as usize);
        }

        #[test]
        fn counters_that_lie_lead_nowhere(lies: Vec<(u32, u32, u8)>) {
            let (bytes, [taken, put]) = ([const { AtomicU8::new(0) }; 16], counters(0));
            let ring = Ring::new(&bytes, &taken, &put);
            for (one, other, length) in lies {
                taken.store(one, Ordering::Relaxed);
                put.store(other, Ordering::Relaxed);
                prop_assert!(ring.used() + ring.room() == 16);
                let mut buffer = std::vec![7; length.into()];
                prop_assert!(ring.put(&buffer) <= 16);
                prop_assert!(ring.take(&mut buffer) <= 16);
            }
        }
    }
}
