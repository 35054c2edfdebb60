//! The reader of device trees, and the writer in the loader of boot disks: as dtoolkit reads them, within the tree, and in a
//! time that grows as the tree does.
#![no_main]

#[path = "../../targets/machine/tests/device_tree/oracle.rs"]
mod oracle;

use efi_loader::device_tree::{MORE, with_command_line};
use libfuzzer_sys::fuzz_target;
use machine::device_tree::{InterruptMap, Tree, pci_ecam, pci_ranges};
use machine::pci::MappedEcam;

const COMMAND_LINE: &[u8] = b"agent=virtio console=none";
const FOUR_GIB: u64 = 1 << 32;

fuzz_target!(|blob: &[u8]| {
    let is_whole = oracle::assert_reads_alike(blob);
    let Some(tree) = Tree::new(blob) else { return };
    let mut nodes = 0;
    for node in tree.nodes() {
        nodes += 1;
        for name in ["reg", "compatible", "interrupts", "bootargs", ""] {
            let value = node.property(name).unwrap_or_default();
            assert!(value.is_empty() || lies_in(blob, value), "the value of {name} lies elsewhere");
        }
        if let Some(ecam) = pci_ecam(&node) {
            let size = (u64::from(ecam.last_bus) + 1) * MappedEcam::BUS_SIZE;
            assert!(ecam.address.checked_add(size).is_some(), "{ecam:?}");
        }
        for range in pci_ranges(&node).into_iter().flatten() {
            assert!(range.on_bus.checked_add(range.size).is_some_and(|end| end <= FOUR_GIB), "{range:?}");
            assert!(range.address.checked_add(range.size).is_some(), "{range:?}");
        }
        let map = InterruptMap::of(&node, &tree);
        for specifier in (0..8).filter_map(|slot| map?.route(slot * 4, slot % 4 + 1)) {
            assert!(specifier.is_empty() || lies_in(blob, specifier), "an interrupt lies elsewhere");
        }
    }
    // A node has two tokens at least, and a name.
    assert!(nodes <= blob.len() / 8, "{nodes} nodes in {} bytes", blob.len());
    assert!(tree.ram().iter().all(|ram| ram.start <= ram.end));
    if is_whole {
        assert_takes_a_command_line(blob);
    }
});

/// What the loader makes of a whole tree is one, too, and has the command line, unless there was no place for it.
fn assert_takes_a_command_line(blob: &[u8]) {
    let mut room = vec![0; blob.len() + COMMAND_LINE.len() + MORE];
    let Some(length) = with_command_line(blob, COMMAND_LINE, &mut room) else { return };
    let tree = Tree::new(&room[..length]).expect("the loader writes a tree");
    assert_eq!(tree.nodes().find_map(|node| node.string("bootargs")), Some(COMMAND_LINE));
}

fn lies_in(whole: &[u8], part: &[u8]) -> bool {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}
