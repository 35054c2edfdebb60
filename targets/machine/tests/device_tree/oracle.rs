//! The reader of device trees against dtoolkit's, which nobody here wrote.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::NodeStandard as _;
use dtoolkit::{FdtStringListIterator, Node as _, Property as _};
use machine::device_tree::{Node, Tree};

/// How deep nodes may lie for their addresses to be read: an image keeps so many levels apart.
const LEVELS: usize = 8;

const BEGIN_NODE: u32 = 1;
const PROPERTY: u32 = 3;
const END: u32 = 9;

/// Asserts that a tree that dtoolkit takes for a whole one is read as the same. Returns whether it does.
pub fn assert_reads_alike(blob: &[u8]) -> bool {
    let Some(blob) = Tree::size(blob).and_then(|size| blob.get(..size)) else { return false };
    let Ok(fdt) = Fdt::new(blob) else { return false };
    let tree = Tree::new(blob).expect("dtoolkit takes it for a tree");
    // dtoolkit reads on to the structure's end, also beyond the length that the header tells of it (5.2). Ours stops there.
    if !ends_within(structure(blob)) {
        return false;
    }
    let mut nodes = tree.nodes();
    assert_nodes_alike(&fdt.root(), 0, &mut nodes);
    assert!(nodes.next().is_none(), "a node after dtoolkit's last one");
    true
}

/// The two walk through the nodes in the same order.
fn assert_nodes_alike<'t>(theirs: &FdtNode<'t>, depth: usize, nodes: &mut impl Iterator<Item = Node<'t>>) {
    let ours = nodes.next().expect("dtoolkit has one more node");
    for property in theirs.properties() {
        // Of several with one name the first counts.
        let first = theirs.property(property.name()).expect("there is one at least");
        assert_eq!(ours.property(property.name()), Some(first.value()), "{} of {}", property.name(), theirs.name());
    }
    // The fuzzer has found out how to have it.
    let missing = "no-such-property";
    let property = theirs.property(missing);
    assert_eq!(ours.property(missing), property.as_ref().map(|property| property.value()));
    assert_eq!(ours.cell("phandle"), theirs.phandle().ok().flatten(), "{}", theirs.name());
    let list = theirs.property("compatible");
    // dtoolkit stops at a string that is not UTF-8, or has no end.
    if let Some(list) = list.filter(|list| list.value().is_ascii() && list.value().ends_with(b"\0")) {
        let strings = list.value_as::<FdtStringListIterator<'_>>().expect("any value is a list of strings");
        for with in strings.chain(["virtio,mmio", "virtio,mmi"]) {
            assert_eq!(ours.is_compatible(with), theirs.is_compatible(with), "{} with {with}", theirs.name());
        }
    }
    assert_registers_alike(&ours, theirs, depth);
    for child in theirs.children() {
        assert_nodes_alike(&child, depth + 1, nodes);
    }
}

fn assert_registers_alike(ours: &Node<'_>, theirs: &FdtNode<'_>, depth: usize) {
    let Ok(Some(pieces)) = theirs.reg() else {
        assert_eq!(ours.registers(0), None, "{} has no reg, or a broken one", theirs.name());
        return;
    };
    let mut count = 0;
    for (index, piece) in pieces.enumerate() {
        count += 1;
        let expected = match (piece.address::<u64>(), piece.size::<u64>()) {
            // Such a node's parent is not remembered.
            _ if depth > LEVELS => None,
            // dtoolkit gives also what reaches beyond the last address that there is. No device does, and whoever adds the
            // two would get an address that is not the device's. This is the one case of its kind in 300,000 mutated trees.
            (Ok(address), Ok(size)) => address.checked_add(size).map(|_| (address, size)),
            _ => None,
        };
        assert_eq!(ours.registers(index), expected, "piece {index} of {}", theirs.name());
    }
    assert_eq!(ours.registers(count), None, "after the last piece of {}", theirs.name());
}

/// The structure block, as long as the header says.
fn structure(blob: &[u8]) -> &[u8] {
    let word = |offset| cell(blob, offset).expect("dtoolkit has checked the header");
    &blob[word(8) as usize..][..word(36) as usize]
}

/// Whether a structure block has the token that ends it.
fn ends_within(structure: &[u8]) -> bool {
    let mut at = 0;
    while let Some(token) = cell(structure, at) {
        at += match token {
            BEGIN_NODE => 4 + structure[at + 4..].iter().take_while(|&&byte| byte != 0).count() + 1,
            PROPERTY => 12 + cell(structure, at + 4).unwrap_or(0) as usize,
            END => return true,
            _ => 4,
        };
        at = at.next_multiple_of(4);
    }
    false
}

fn cell(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|raw| u32::from_be_bytes(*raw))
}
