//! The names of the objects that are open, for duplicates.

use super::Span;

/// How many names are kept at once. One that comes when there is no room is compared with those that are kept, and no
/// later one is compared with it.
pub const MAX_NAMES: usize = 64;
const BUCKETS: usize = 32;

/// A stack of names with an index: chains of names of equal hashes, the last one first.
#[derive(Clone, Debug)]
pub(super) struct Names {
    count: u8,
    /// One more than the first name of a chain; 0 is an empty chain.
    heads: [u8; BUCKETS],
    /// The next of the chain, in the same way.
    nexts: [u8; MAX_NAMES],
    hashes: [u16; MAX_NAMES],
    /// How many brackets were open.
    depths: [u16; MAX_NAMES],
    /// Where the name is stored.
    starts: [u32; MAX_NAMES],
}

impl Names {
    pub(super) const fn new() -> Self {
        Self {
            count: 0,
            heads: [0; BUCKETS],
            nexts: [0; MAX_NAMES],
            hashes: [0; MAX_NAMES],
            depths: [0; MAX_NAMES],
            starts: [0; MAX_NAMES],
        }
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.heads.fill(0);
    }

    /// Adds a name that was read `depth` brackets deep. Returns whether its object has it already.
    pub(super) fn add(&mut self, name: Span, depth: usize, store: &[u8]) -> bool {
        let (bytes, depth) = (name.of(store), depth as u16);
        let hash = hash(bytes);
        let Some(head) = self.heads.get_mut(usize::from(hash) % BUCKETS) else { return false };
        let mut link = *head;
        while let Some(index) = usize::from(link).checked_sub(1) {
            let same = self.hashes.get(index) == Some(&hash)
                && self.depths.get(index) == Some(&depth)
                && self.starts.get(index).is_some_and(|start| is_stored_at(*start as usize, bytes, store));
            if same {
                return true;
            }
            link = self.nexts.get(index).copied().unwrap_or(0);
        }
        let index = usize::from(self.count);
        if let (Some(next), Some(kept), Some(deep), Some(start)) = (
            self.nexts.get_mut(index),
            self.hashes.get_mut(index),
            self.depths.get_mut(index),
            self.starts.get_mut(index),
        ) {
            (*next, *kept, *deep, *start) = (*head, hash, depth, name.start() as u32);
            self.count += 1;
            *head = self.count;
        }
        false
    }

    /// Forgets the names that were read `depth` brackets deep, which are the last ones.
    pub(super) fn close(&mut self, depth: usize) {
        while let Some(index) = usize::from(self.count).checked_sub(1) {
            if self.depths.get(index).is_none_or(|deep| usize::from(*deep) < depth) {
                break;
            }
            self.count -= 1;
            let hash = self.hashes.get(index).copied().unwrap_or(0);
            if let Some(head) = self.heads.get_mut(usize::from(hash) % BUCKETS) {
                *head = self.nexts.get(index).copied().unwrap_or(0);
            }
        }
    }
}

/// FNV-1a, folded.
fn hash(name: &[u8]) -> u16 {
    let hash = name.iter().fold(0x811C_9DC5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash >> 16 ^ hash) as u16
}

/// Whether the stored name that begins at `start` is `name`.
fn is_stored_at(start: usize, name: &[u8], store: &[u8]) -> bool {
    let rest = store.get(start..).unwrap_or_default();
    rest.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&b'"'))
}
