use super::*;
use crate::pci::Range;
use proptest::prelude::*;
use std::{string::String, vec, vec::Vec};

/// Writes a tree as chapter 5 of the specification has it.
#[derive(Default)]
struct Builder {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Builder {
    fn cell(&mut self, cell: u32) -> &mut Self {
        self.structure.extend(cell.to_be_bytes());
        self
    }

    fn padded(&mut self, bytes: &[u8]) -> &mut Self {
        self.structure.extend(bytes);
        self.structure.resize(self.structure.len().next_multiple_of(4), 0);
        self
    }

    fn node(&mut self, name: &str, within: impl FnOnce(&mut Self)) -> &mut Self {
        self.cell(1).padded(&[name.as_bytes(), b"\0"].concat());
        within(self);
        self.cell(2)
    }

    fn property(&mut self, name: &str, value: &[u8]) -> &mut Self {
        let at = self.strings.len() as u32;
        self.strings.extend([name.as_bytes(), b"\0"].concat());
        self.cell(3).cell(value.len() as u32).cell(at).padded(value)
    }

    fn cells(&mut self, name: &str, cells: &[u32]) -> &mut Self {
        let value: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
        self.property(name, &value)
    }

    fn string(&mut self, name: &str, text: &str) -> &mut Self {
        self.property(name, text.as_bytes())
    }

    fn blob(&mut self) -> Vec<u8> {
        self.cell(9);
        let (structure, strings) = (self.structure.len() as u32, self.strings.len() as u32);
        let total = 40 + structure + strings;
        let header = [MAGIC, total, 40, 40 + structure, 40, 17, 16, 0, strings, structure];
        let header: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
        [&header, self.structure.as_slice(), self.strings.as_slice()].concat()
    }
}

/// A machine as QEMU describes its riscv64 one, in small.
fn machine() -> Vec<u8> {
    let mut tree = Builder::default();
    tree.node("", |root| {
        root.cells("#address-cells", &[2]).cells("#size-cells", &[2]).cell(NO_OPERATION);
        root.node("chosen", |node| _ = node.string("bootargs", "agent=virtio\0"));
        root.node("memory@80000000", |node| {
            node.string("device_type", "memory\0").cells("reg", &[0, 0x8000_0000, 0, 0x100_0000, 1, 0, 0, 0x1000]);
        });
        root.node("cpus", |cpus| {
            cpus.cells("#address-cells", &[1]).cells("#size-cells", &[0]).cells("timebase-frequency", &[10_000_000]);
            cpus.node("cpu@1", |cpu| {
                cpu.string("device_type", "cpu\0").cells("reg", &[1]);
                cpu.node("interrupt-controller", |node| _ = node.cells("phandle", &[4]));
            });
        });
        root.node("soc", |soc| {
            soc.cells("#address-cells", &[2]).cells("#size-cells", &[2]).property("ranges", &[]);
            soc.node("virtio_mmio@10008000", |node| {
                node.cells("interrupts", &[8]).cells("reg", &[0, 0x1000_8000, 0, 0x1000]);
                node.string("compatible", "virtio,mmio\0");
            });
            soc.node("plic@c000000", |node| {
                node.cells("phandle", &[5]).cells("#address-cells", &[0]).cells("#interrupt-cells", &[1]);
                node.string("compatible", "sifive,plic-1.0.0\0riscv,plic0\0");
            });
            soc.node("pci@30000000", |node| {
                node.string("compatible", "pci-host-ecam-generic\0");
                node.cells("interrupt-map-mask", &[0x1800, 0, 0, 7]);
                node.cells("interrupt-map", &[0, 0, 0, 1, 5, 32, 0, 0, 0, 2, 5, 33, 0x800, 0, 0, 1, 5, 34]);
                let io = [0x0100_0000, 0, 0, 0, 0x300_0000, 0, 0x1_0000];
                let memory = [0x0200_0000, 0, 0x4000_0000, 0, 0x4000_0000, 0, 0x4000_0000];
                let above = [0x0300_0000, 4, 0, 4, 0, 4, 0];
                node.cells("ranges", &[io, memory, above].concat());
            });
        });
    });
    tree.blob()
}

#[test]
fn devices_are_found_by_what_they_are_compatible_with() {
    let blob = machine();
    let tree = Tree::new(&blob).unwrap();
    let device = tree.compatible("virtio,mmio").next().unwrap();
    assert_eq!(device.registers(0), Some((0x1000_8000, 0x1000)));
    assert_eq!(device.registers(1), None);
    assert_eq!(device.interrupt(), Some([0, 0, 0, 8].as_slice()));
    assert!(tree.compatible("riscv,plic0").next().is_some(), "the second name of two");
    assert!(tree.compatible("riscv,plic").next().is_none(), "a part of a name");
}

#[test]
fn addresses_have_as_many_cells_as_the_node_around_says() {
    let blob = machine();
    let tree = Tree::new(&blob).unwrap();
    let typed = |kind: &'static [u8]| tree.nodes().find(move |node| node.string("device_type") == Some(kind)).unwrap();
    let memory = typed(b"memory");
    assert_eq!(memory.registers(0), Some((0x8000_0000, 0x100_0000)));
    assert_eq!(memory.registers(1), Some((0x1_0000_0000, 0x1000)));
    assert_eq!(typed(b"cpu").registers(0), Some((1, 0)));
}

#[test]
fn what_cannot_be_used_is_left_out() {
    let mut tree = Builder::default();
    tree.node("", |root| {
        root.cells("#address-cells", &[1]).cells("#size-cells", &[1]);
        for (start, status) in
            [(0, None), (0x1000, Some("okay\0")), (0x2000, Some("disabled\0")), (0x3000, Some("fail\0"))]
        {
            for kind in ["memory\0", "cpu\0"] {
                root.node("node", |node| {
                    node.string("device_type", kind).cells("reg", &[start, 0x1000]).string("compatible", "device\0");
                    status.map(|status| node.string("status", status));
                });
            }
        }
    });
    let blob = tree.blob();
    let tree = Tree::new(&blob).unwrap();
    assert_eq!(tree.ram(), [Ram { start: 0, end: 0x1000 }, Ram { start: 0x1000, end: 0x2000 }]);
    let start = |node: Node<'_>| node.registers(0).unwrap().0;
    assert_eq!(tree.compatible("device").map(start).collect::<Vec<_>>(), [0, 0, 0x1000, 0x1000]);
    // One that is disabled only waits to be started.
    assert_eq!(tree.processors().map(start).collect::<Vec<_>>(), [0, 0x1000, 0x2000]);
}

#[test]
fn memory_that_others_use_is_told() {
    let mut tree = Builder::default();
    tree.node("", |root| {
        root.cells("#address-cells", &[2]).cells("#size-cells", &[2]);
        root.node("reserved-memory", |reserved| {
            reserved.cells("#address-cells", &[2]).cells("#size-cells", &[2]).property("ranges", &[]);
            reserved.node("firmware@80000000", |node| {
                node.cells("reg", &[0, 0x8000_0000, 0, 0x4_0000, 0, 0x9000_0000, 0, 0x1000]).property("no-map", &[]);
            });
            reserved.node("to-be-allocated", |node| _ = node.cells("size", &[0, 0x1000]));
            reserved.node("shared@a0000000", |node| _ = node.cells("reg", &[0, 0xa000_0000, 0, 0x1000]));
        });
        root.node("device", |node| _ = node.cells("reg", &[0, 0x1000, 0, 0x1000]));
    });
    let blob = tree.blob();
    let range = |start, size| Ram { start, end: start + size };
    let expected = [range(0x8000_0000, 0x4_0000), range(0x9000_0000, 0x1000), range(0xa000_0000, 0x1000)];
    assert_eq!(Tree::new(&blob).unwrap().reserved(), expected);
    assert_eq!(Tree::new(&machine()).unwrap().reserved(), []);
}

#[test]
fn properties_are_their_own_nodes_and_may_be_anywhere() {
    let blob = machine();
    let tree = Tree::new(&blob).unwrap();
    assert_eq!(tree.nodes().find_map(|node| node.string("bootargs")), Some(b"agent=virtio".as_slice()));
    assert_eq!(tree.property("timebase-frequency").map(|value| cells(value).collect()), Some(vec![10_000_000]));
    let cpus = tree.nodes().find(|node| node.cell("timebase-frequency").is_some()).unwrap();
    assert_eq!(cpus.cell("phandle"), None, "that is a node's within");
    assert_eq!(cpus.cell("timebase"), None, "the beginning of a name");
    assert_eq!(tree.nodes().count(), 10);
}

#[test]
fn pci_has_ranges_and_routes() {
    let blob = machine();
    let tree = Tree::new(&blob).unwrap();
    let bridge = tree.compatible("pci-host-ecam-generic").next().unwrap();
    let io = Range { on_bus: 0, address: 0x300_0000, size: 0x1_0000 };
    let memory = Range { on_bus: 0x4000_0000, address: 0x4000_0000, size: 0x4000_0000 };
    assert_eq!(pci_ranges(&bridge), [Some(io), Some(memory)]);
    let map = InterruptMap::of(&bridge, &tree).unwrap();
    let route = |device, pin| map.route(device, pin).map(|specifier| cells(specifier).collect::<Vec<_>>());
    assert_eq!([route(0, 1), route(4, 2), route(5, 1)], [Some(vec![32]), Some(vec![33]), Some(vec![34])]);
    assert_eq!(route(2, 1), None, "not in the map");
}

#[test]
fn a_map_ends_where_another_controller_begins() {
    let mut tree = Builder::default();
    tree.node("", |root| {
        for phandle in [1, 2] {
            root.node("controller", |node| _ = node.cells("phandle", &[phandle]).cells("#interrupt-cells", &[1]));
        }
        root.node("pci", |bridge| {
            bridge.cells("interrupt-map-mask", &[0x1800, 0, 0, 7]);
            let entry = |pin, controller| [0, 0, 0, pin, controller, 30 + pin];
            bridge.cells("interrupt-map", &[entry(1, 1), entry(2, 2), entry(3, 1)].concat());
        });
    });
    let blob = tree.blob();
    let tree = Tree::new(&blob).unwrap();
    let bridge = tree.nodes().find(|node| node.property("interrupt-map").is_some()).unwrap();
    let map = InterruptMap::of(&bridge, &tree).unwrap();
    let route = |pin| map.route(0, pin).map(|specifier| cells(specifier).collect::<Vec<_>>());
    assert_eq!([route(1), route(2), route(3)], [Some(vec![31]), None, None]);
}

#[test]
fn pci_is_given_nothing_beyond_32_bits() {
    let range = |on_bus: u32, size: u32| {
        let mut tree = Builder::default();
        tree.node("", |root| _ = root.cells("ranges", &[0x0200_0000, 0, on_bus, 0, 0x1000, 0, size]));
        let blob = tree.blob();
        pci_ranges(&Tree::new(&blob).unwrap().nodes().next().unwrap())[1].map(|range| range.size)
    };
    assert_eq!([range(0xffff_f000, 0x1000), range(0xffff_f000, 0x1001)], [Some(0x1000), None]);
}

/// The registers of a node that has `reg` and whose parent says how it is written.
fn registers(parent: impl FnOnce(&mut Builder), reg: &[u8], index: usize) -> Option<(u64, u64)> {
    let mut tree = Builder::default();
    tree.node("", |root| {
        parent(root);
        root.node("device", |node| _ = node.property("reg", reg));
    });
    let blob = tree.blob();
    Tree::new(&blob).unwrap().nodes().nth(1).unwrap().registers(index)
}

#[test]
fn registers_are_whole_pieces_of_numbers() {
    let reg = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    let with = |address, size| {
        move |root: &mut Builder| _ = root.cells("#address-cells", &[address]).cells("#size-cells", &[size])
    };
    assert_eq!(registers(|_| {}, &reg, 0), Some((1 << 32 | 2, 3)), "two cells and one, where nobody says");
    assert_eq!(registers(with(1, 2), &reg, 0), Some((1, 2 << 32 | 3)));
    assert_eq!([0, 2, 3].map(|index| registers(with(1, 0), &reg, index)), [Some((1, 0)), Some((3, 0)), None]);
    assert_eq!(registers(with(1, 0), &reg, usize::MAX), None);
    assert_eq!(registers(with(1, 1), &reg, 0), None, "one piece and a half");
    assert_eq!(registers(with(3, 0), &reg, 0), None, "an address of 96 bits");
    assert_eq!(registers(with(0, 3), &reg, 0), None, "a size of 96 bits");
    assert_eq!([registers(with(0, 0), &reg, 0), registers(with(0, 0), &[], 0)], [None, None], "pieces of nothing");
}

#[test]
fn of_two_properties_with_one_name_the_first_counts() {
    let twice = |root: &mut Builder| _ = root.cells("#size-cells", &[0]).cells("#size-cells", &[1]);
    assert_eq!(registers(twice, &[0, 0, 0, 0, 0, 0, 0, 2], 0), Some((2, 0)));
}

#[test]
fn registers_of_nodes_that_lie_too_deep_are_none() {
    fn nest(tree: &mut Builder, depth: u32) {
        tree.node("", |node| {
            // As many cells as where nobody says, but divided in another way.
            node.cells("#address-cells", &[1]).cells("#size-cells", &[2]).cells("reg", &[depth, 0, 0]);
            if depth < 10 {
                nest(node, depth + 1);
            }
        });
    }
    let mut tree = Builder::default();
    nest(&mut tree, 0);
    let blob = tree.blob();
    let registers: Vec<_> = Tree::new(&blob).unwrap().nodes().map(|node| node.registers(0)).collect();
    assert_eq!(registers[1..=8], [1, 2, 3, 4, 5, 6, 7, 8].map(|depth| Some((depth, 0))));
    assert_eq!(registers[9..], [None; 2]);
}

#[test]
fn what_is_no_tree_is_none() {
    let blob = machine();
    assert_eq!(Tree::size(&blob), Some(blob.len()));
    let with = |offset: usize, value: u32| {
        let mut blob = blob.clone();
        blob[offset..offset + 4].copy_from_slice(&value.to_be_bytes());
        Tree::new(&blob).is_some()
    };
    assert!(with(0, MAGIC));
    assert!(!with(0, 0xedfe_0dd0), "the other byte order");
    assert!(!with(4, blob.len() as u32 + 1) && !with(4, 39) && !with(4, u32::MAX), "another size");
    assert!(!with(8, u32::MAX) && !with(36, u32::MAX) && !with(12, u32::MAX), "blocks beyond the end");
}

proptest! {
    #[test]
    fn any_damage_is_survived(changes: Vec<(u16, u8)>, end in 0..2000usize) {
        let mut blob = machine();
        for (at, value) in changes {
            let at = usize::from(at) % blob.len();
            blob[at] = value;
        }
        blob.truncate(blob.len().saturating_sub(end));
        let Some(tree) = Tree::new(&blob) else { return Ok(()) };
        let mut seen = String::new();
        for node in tree.nodes() {
            _ = (node.registers(3), node.interrupt(), node.is_compatible("virtio,mmio"), node.string("bootargs"));
            _ = pci_ranges(&node);
            if let Some(map) = InterruptMap::of(&node, &tree) {
                _ = map.route(31, 4);
            }
            seen.push('.');
        }
        prop_assert!(seen.len() <= blob.len());
    }
}
