use machine::device_tree::Tree;
use proptest::prelude::*;
use std::{vec, vec::Vec};

use super::*;

const RESERVED: [u8; 16] = [7; 16];

fn cells(cells: &[u32]) -> Vec<u8> {
    cells.iter().flat_map(|cell| cell.to_be_bytes()).collect()
}

/// Builds a tree with one memory reservation.
fn tree(structure: &[&[u8]], strings: &[u8]) -> Vec<u8> {
    let structure = structure.concat();
    let reservations = [RESERVED, [0; 16]].concat();
    let structure_at = 40 + reservations.len() as u32;
    let strings_at = structure_at + structure.len() as u32;
    let (structure_size, strings_size) = (structure.len() as u32, strings.len() as u32);
    let total = strings_at + strings_size;
    let header =
        cells(&[MAGIC, total, structure_at, strings_at, 40, VERSION, 16, 0x1234, strings_size, structure_size]);
    [&header, &reservations, &structure, strings].concat()
}

/// A tree whose `/chosen` has two properties. The second one's name comes last in the strings.
fn with_chosen(second: &[u8]) -> Vec<u8> {
    let structure: [&[u8]; 14] = [
        &cells(&[BEGIN_NODE, 0]),
        // Not the one that is meant.
        &cells(&[BEGIN_NODE]),
        b"soc\0",
        &cells(&[BEGIN_NODE]),
        b"chosen\0\0",
        &cells(&[END_NODE, END_NODE]),
        &cells(&[BEGIN_NODE]),
        b"chosen\0\0",
        &cells(&[PROPERTY, 3, 0]),
        b"abc\0",
        &cells(&[4, PROPERTY, 5, 5]),
        b"words\0\0\0",
        &cells(&[END_NODE, END_NODE]),
        &cells(&[END]),
    ];
    tree(&structure, &[b"seed\0", second, b"\0"].concat())
}

fn handed_on(tree: &[u8], command_line: &[u8]) -> Option<Vec<u8>> {
    let mut room = vec![0xaa; tree.len() + command_line.len() + MORE];
    let length = with_command_line(tree, command_line, &mut room)?;
    room.truncate(length);
    Some(room)
}

/// The two properties, of the nodes that have the first.
fn chosen<'t>(tree: &Tree<'t>) -> Vec<[Option<&'t [u8]>; 2]> {
    let has_seed = tree.nodes().filter(|node| node.property("seed").is_some());
    has_seed.map(|node| [node.property("seed"), node.string("bootargs")]).collect()
}

#[test]
fn a_command_line_of_any_length_is_put_in() {
    let before = with_chosen(b"other");
    for length in 1..10 {
        let command_line = &b"hostname=web-1"[..length];
        let after = handed_on(&before, command_line).unwrap();
        assert_eq!(size(&after), Some(after.len()));
        let tree = Tree::new(&after).unwrap();
        assert_eq!(chosen(&tree), [[Some(&b"abc"[..]), Some(command_line)]]);
        assert_eq!(tree.nodes().count(), 4);
        assert_eq!(tree.property("other"), Some(&b"words"[..]));
    }
}

#[test]
fn a_command_line_takes_the_place_of_the_trees_own() {
    let before = with_chosen(b"bootargs");
    let after = handed_on(&before, b"new").unwrap();
    assert_eq!(chosen(&Tree::new(&after).unwrap()), [[Some(&b"abc"[..]), Some(&b"new"[..])]]);
    assert!(!after.windows(5).any(|bytes| bytes == b"words"));
}

#[test]
fn an_empty_command_line_leaves_the_trees_own() {
    let after = handed_on(&with_chosen(b"bootargs"), b"").unwrap();
    assert_eq!(chosen(&Tree::new(&after).unwrap()), [[Some(&b"abc"[..]), Some(&b"words"[..])]]);
}

#[test]
fn what_is_reserved_and_the_boot_cpu_are_handed_on() {
    let after = handed_on(&with_chosen(b"other"), b"new").unwrap();
    assert_eq!(after[40..72], [RESERVED, [0; 16]].concat());
    assert_eq!(cell(&after, 28), Some(0x1234));
}

#[test]
fn a_tree_without_a_place_for_it_is_refused() {
    let structure: [&[u8]; 2] = [&cells(&[BEGIN_NODE, 0, END_NODE]), &cells(&[END])];
    assert_eq!(handed_on(&tree(&structure, b""), b"new"), None);
    assert!(handed_on(&tree(&structure, b""), b"").is_some());
}

#[test]
fn a_tree_that_ends_early_is_refused() {
    let whole = with_chosen(b"other");
    for length in 0..whole.len() {
        assert_eq!(handed_on(&whole[..length], b"new"), None, "{length} bytes of {}", whole.len());
    }
}

#[test]
fn a_size_that_no_tree_has_is_none() {
    assert_eq!(size(&cells(&[MAGIC, 4 << 20])), Some(4 << 20));
    for header in [cells(&[MAGIC, 39]), cells(&[MAGIC, (4 << 20) + 1]), cells(&[0, 64]), cells(&[MAGIC])] {
        assert_eq!(size(&header), None);
    }
}

proptest! {
    #[test]
    fn nothing_in_a_tree_is_believed(at in 0_usize..200, value: u32, room in 0_usize..400) {
        let mut tree = with_chosen(b"bootargs");
        let at = at / 4 * 4 % (tree.len() / 4 * 4);
        tree[at..at + 4].copy_from_slice(&value.to_be_bytes());
        if let Some(length) = with_command_line(&tree, b"new", &mut vec![0; room]) {
            prop_assert!(length <= room);
        }
    }
}
