//! What loaders hand over to a PC, by PVH and by Multiboot2, and the command line in it.
#![no_main]

use fuzz::memory::Pieces;
use libfuzzer_sys::fuzz_target;
use machine::command_line::Options;
use machine::memory::{Memory, largest_free};
use machine::memory_blocks::MemoryBlocks;
use machine::{multiboot2, pvh};

/// The memory that an image has for its heap, as on a PC.
const REACH: std::ops::Range<u64> = 0x20_0000..1 << 32;

fuzz_target!(|input: &[u8]| {
    let Some((address, memory)) = Pieces::parse(input) else { return };
    let found = pvh::read(&memory, address).or_else(|| multiboot2::read(&memory, address));
    let (read, length) = (memory.bytes_read(), input.len() as u64);
    assert!(read <= 2 * length + 8192, "{read} bytes read of {length}");
    let Some(info) = found else { return };

    assert!(memory.holds(info.command_line) && !info.command_line.contains(&0));
    assert!(info.ram.iter().all(|ram| ram.start <= ram.end), "{:x?}", info.ram);
    assert!(
        info.kept.is_empty() || memory.bytes(info.kept.start, (info.kept.end - info.kept.start) as usize).is_some()
    );
    if let Some(heap) = largest_free(&info.ram, REACH, std::slice::from_ref(&info.kept)) {
        assert!(REACH.start <= heap.start && heap.end <= REACH.end && heap.start < heap.end, "{heap:x?}");
        assert!(heap.end <= info.kept.start || info.kept.end <= heap.start, "{heap:x?} has {:x?} in it", info.kept);
        assert!(info.ram.iter().any(|ram| ram.start <= heap.start && heap.end <= ram.end), "{heap:x?} is no RAM");
    }
    if let Some(blocks) = MemoryBlocks::new(&info.ram) {
        assert!(blocks.nth(0).is_some_and(|first| blocks.has(first)));
    }
    let mut unknown = 0;
    Options::parse(info.command_line, |word| unknown += word.len().min(1));
    assert!(unknown <= info.command_line.len().div_ceil(2), "more words than there is room for");
});
