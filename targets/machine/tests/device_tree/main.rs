//! Device trees that QEMU has made, whole and damaged, read as dtoolkit reads them.

mod oracle;

use std::cell::Cell;

use machine::device_tree::{InterruptMap, Tree, cells, pci_ecam, pci_ranges};
use machine::memory::Ram;
use machine::pci::{Ecam, Range};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use self::oracle::assert_reads_alike;

/// The fuzzer begins with them, too.
const TREES: [(&str, &[u8]); 4] = [
    ("aarch64", include_bytes!("../../../../fuzz/corpus/device_tree/aarch64-virt")),
    ("aarch64 with a GICv3 at EL2", include_bytes!("../../../../fuzz/corpus/device_tree/aarch64-virt-gicv3-el2")),
    ("riscv64", include_bytes!("../../../../fuzz/corpus/device_tree/riscv64-virt")),
    ("riscv64 with an AIA", include_bytes!("../../../../fuzz/corpus/device_tree/riscv64-virt-aia")),
];

fn tree(name: &str) -> Tree<'static> {
    let (_, blob) = TREES.iter().find(|(tree, _)| *tree == name).expect("there is such a tree");
    Tree::new(blob).expect("QEMU's trees are whole")
}

#[test]
fn qemus_trees_are_read_as_dtoolkit_reads_them() {
    for (name, blob) in TREES {
        assert!(assert_reads_alike(blob), "dtoolkit does not take the tree of {name}");
    }
}

#[test]
fn memory_and_pci_are_found_in_qemus_trees() {
    let aarch64 = tree("aarch64");
    assert_eq!(aarch64.ram(), [Ram { start: 0x4000_0000, end: 0x4400_0000 }]);
    let bridge = aarch64.compatible("pci-host-ecam-generic").next().unwrap();
    assert_eq!(pci_ecam(&bridge), Some(Ecam { address: 0x40_1000_0000, last_bus: 0xff }));
    let io = Range { on_bus: 0, address: 0x3eff_0000, size: 0x1_0000 };
    let memory = Range { on_bus: 0x1000_0000, address: 0x1000_0000, size: 0x2eff_0000 };
    assert_eq!(pci_ranges(&bridge), [Some(io), Some(memory)]);
    let map = InterruptMap::of(&bridge, &aarch64).unwrap();
    let route = |device, pin| map.route(device, pin).map(|specifier| cells(specifier).collect::<Vec<_>>());
    // A shared interrupt, its number, and that it is high while it is wanted. Slots take turns.
    assert_eq!([route(0, 1), route(0, 4)], [Some(vec![0, 3, 4]), Some(vec![0, 6, 4])]);
    assert_eq!([route(2, 1), route(6, 1)], [Some(vec![0, 5, 4]), Some(vec![0, 5, 4])]);
    assert_eq!(route(2, 5), None, "there are four pins");

    let riscv64 = tree("riscv64");
    assert_eq!(riscv64.ram(), [Ram { start: 0x8000_0000, end: 0x8400_0000 }]);
    let bridge = riscv64.compatible("pci-host-ecam-generic").next().unwrap();
    let map = InterruptMap::of(&bridge, &riscv64).unwrap();
    assert_eq!(map.route(1, 1).map(|specifier| cells(specifier).collect::<Vec<_>>()), Some(vec![33]));
}

/// The one case in 300,000 damaged trees where dtoolkit told of registers and ours did not.
#[test]
fn registers_beyond_the_last_address_are_none() {
    let with_reg = |address: u64, size: u64| {
        let mut blob = TREES[0].1.to_vec();
        let reg = [0x4000_0000u64.to_be_bytes(), 0x400_0000u64.to_be_bytes()].concat();
        let at = blob.windows(16).position(|bytes| bytes == reg).expect("the memory's node has it");
        blob[at..at + 16].copy_from_slice(&[address.to_be_bytes(), size.to_be_bytes()].concat());
        assert!(assert_reads_alike(&blob));
        Tree::new(&blob).unwrap().ram()
    };
    assert_eq!(with_reg(u64::MAX - 0xfff, 0xfff), [Ram { start: u64::MAX - 0xfff, end: u64::MAX }]);
    assert_eq!(with_reg(u64::MAX - 0xfff, 0x1000), [], "its end has 65 bits");
    assert_eq!(with_reg(0x0100_0000_4000_0000, 0xff00_0000_0400_0000), [], "its end would be a small number");
}

#[test]
fn damaged_trees_are_read_as_dtoolkit_reads_them() {
    let config = ProptestConfig { cases: 512, ..ProptestConfig::default() };
    // The same damage each time: the fuzzer looks for more.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    let read = Cell::new(0);
    TestRunner::new_with_rng(config, rng)
        .run(&(0..TREES.len(), changes), |(tree, changes)| {
            let mut blob = TREES[tree].1.to_vec();
            for (at, byte) in changes {
                let at = at.index(blob.len());
                blob[at] = byte;
            }
            read.set(read.get() + u32::from(assert_reads_alike(&blob)));
            Ok(())
        })
        .unwrap();
    assert!(read.get() > 100, "of the damaged trees dtoolkit takes only {}", read.get());
}
