//! Xen's rings, whatever their other side writes, and its store, whatever that says.
#![no_main]

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use libfuzzer_sys::fuzz_target;
use machine::xen::{Ring, Store, Wire};

const SIZE: usize = 16;
/// How often the store may be waited for while one message is exchanged.
const PATIENCE: u32 = 64;

/// A store that says these bytes.
struct Said<'i> {
    bytes: &'i [u8],
    waits: u32,
}

impl Wire for Said<'_> {
    fn begin(&mut self) {
        self.waits = 0;
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        bytes.len()
    }

    /// A piece has a length before it.
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let Some((&length, rest)) = self.bytes.split_first() else { return 0 };
        let length = buffer.len().min(usize::from(length)).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        buffer[..length].copy_from_slice(piece);
        self.bytes = rest;
        length
    }

    fn wait(&mut self) -> bool {
        self.waits += 1;
        self.waits < PATIENCE
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&split, input)) = input.split_first() else { return };
    let (ring, store) = input.split_at(usize::from(split).min(input.len()));
    assert_ring_holds(ring);
    assert_store_ends(store);
});

/// Each nine bytes are the counters as the other side has them, and how many bytes go in and out.
fn assert_ring_holds(input: &[u8]) {
    let bytes = [const { AtomicU8::new(0) }; SIZE];
    let (taken, put) = (AtomicU32::new(0), AtomicU32::new(0));
    let ring = Ring::new(&bytes, &taken, &put);
    for step in input.chunks_exact(9) {
        let word = |at: usize| u32::from_le_bytes([step[at], step[at + 1], step[at + 2], step[at + 3]]);
        taken.store(word(0), Ordering::Relaxed);
        put.store(word(4), Ordering::Relaxed);
        let (used, room) = (ring.used() as usize, ring.room() as usize);
        assert_eq!(used + room, SIZE);
        let mut buffer = vec![step[8]; usize::from(step[8])];
        assert_eq!(ring.put(&buffer), room.min(buffer.len()));
        let used = ring.used() as usize;
        assert_eq!(ring.take(&mut buffer), used.min(usize::from(step[8])));
    }
}

fn assert_store_ends(input: &[u8]) {
    let mut store = Store::new(Said { bytes: input, waits: 0 });
    let mut room = [0; 24];
    for _ in 0..4 {
        _ = store.has_called();
        if let Ok(names) = store.directory(&["device/console"], &mut room) {
            assert!(names.len() <= 24);
        }
        _ = store.read(&["device/console/", "1", "/name"], &mut [0; 8]);
        _ = store.write(&["device/console/1/state"], "4");
        _ = store.watch(&["control/shutdown"]);
    }
}
