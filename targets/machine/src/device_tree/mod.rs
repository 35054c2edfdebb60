//! Reads flattened device trees (Devicetree Specification 0.4, chapters 2 and 5) for what a guest needs.
//!
//! It walks over the nodes in their order. It takes addresses for physical ones, because the buses of QEMU's machines do not
//! translate addresses (`ranges`).
//!
//! Own code, because the crate `dtoolkit`, with which the tests compare it, adds 17 KiB to an image of 64 KiB, and other
//! crates panic on damaged trees.

mod pci_host;

pub use self::pci_host::{InterruptMap, pci_ecam, pci_ranges};

use heapless::Vec;

use crate::memory::Ram;

const MAGIC: u32 = 0xd00d_feed;
const HEADER_SIZE: usize = 40;
/// Larger trees are refused: no machine has any.
const MAX_SIZE: usize = 4 << 20;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NO_OPERATION: u32 = 4;

/// The number of cells in addresses and sizes if the parent node does not give it (2.3.5).
const DEFAULT_ADDRESS_CELLS: u32 = 2;
const DEFAULT_SIZE_CELLS: u32 = 1;

/// How many levels of parents a walk remembers. QEMU's devices lie on the third level at most.
const LEVELS: usize = 8;

/// A device tree.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'t> {
    structure: &'t [u8],
    strings: &'t [u8],
}

impl<'t> Tree<'t> {
    /// The size in bytes of the tree that begins with `header`. `None` if that is no tree, or shorter than 8 bytes.
    pub fn size(header: &[u8]) -> Option<usize> {
        let size = cell_at(header, 4)? as usize;
        (cell_at(header, 0)? == MAGIC && (HEADER_SIZE..=MAX_SIZE).contains(&size)).then_some(size)
    }

    /// The tree at the beginning of `blob`. `None` if there is none, or not all of it.
    pub fn new(blob: &'t [u8]) -> Option<Self> {
        let blob = blob.get(..Self::size(blob)?)?;
        let block = |offset, size| blob.get(cell_at(blob, offset)? as usize..)?.get(..cell_at(blob, size)? as usize);
        Some(Self { structure: block(8, 36)?, strings: block(12, 32)? })
    }

    /// All nodes, a parent before its children.
    pub fn nodes(&self) -> Nodes<'t> {
        Nodes { tree: *self, rest: self.structure, level: 0, open: [&[]; LEVELS] }
    }

    /// The nodes of devices that can be used whose `compatible` lists `with`.
    pub fn compatible(&self, with: &'static str) -> impl Iterator<Item = Node<'t>> + use<'t> {
        self.nodes().filter(move |node| node.is_compatible(with) && node.is_available())
    }

    /// The value of a property in the first node that has it.
    pub fn property(&self, name: &str) -> Option<&'t [u8]> {
        self.nodes().find_map(|node| node.property(name))
    }

    /// The first 16 pieces of RAM, in the tree's order.
    pub fn ram(&self) -> Vec<Ram, 16> {
        self.pieces(&|node| node.string("device_type") == Some(b"memory") && node.is_available())
    }

    /// The first 16 pieces of RAM that somebody else uses: those below `/reserved-memory` (3.5).
    pub fn reserved(&self) -> Vec<Ram, 16> {
        let Some(reserved) = self.nodes().find(|node| node.name == b"reserved-memory") else { return Vec::new() };
        // No two nodes begin at one place.
        self.pieces(&|node| node.parent.is_some_and(|parent| parent.as_ptr() == reserved.properties.as_ptr()))
    }

    fn pieces(&self, of: &dyn Fn(&Node<'_>) -> bool) -> Vec<Ram, 16> {
        let mut pieces = Vec::new();
        for node in self.nodes().filter(|node| of(node)) {
            let mut index = 0;
            while let Some((start, size)) = node.registers(index)
                && pieces.push(Ram { start, end: start + size }).is_ok()
            {
                index += 1;
            }
        }
        pieces
    }

    /// The processors, but for those that do not work.
    pub fn processors(&self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let works = |node: &Node<'_>| !node.string("status").is_some_and(|status| status.starts_with(b"fail"));
        self.nodes().filter(move |node| node.string("device_type") == Some(b"cpu") && works(node))
    }

    /// The node with this `phandle`, the number by which other nodes refer to it.
    pub fn by_phandle(&self, phandle: u32) -> Option<Node<'t>> {
        self.nodes().find(|node| node.cell("phandle") == Some(phandle))
    }
}

/// An iterator over the nodes of a tree.
#[derive(Clone, Debug)]
pub struct Nodes<'t> {
    tree: Tree<'t>,
    rest: &'t [u8],
    level: usize,
    /// For each node that has begun and not ended, the outermost first: the structure block from its properties on.
    open: [&'t [u8]; LEVELS],
}

impl<'t> Iterator for Nodes<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        loop {
            match token(&mut self.rest)? {
                Token::Begin(name) => {
                    let parent = match self.level.checked_sub(1) {
                        Some(above) => self.open.get(above).copied(),
                        None => Some(&[][..]),
                    };
                    if let Some(this) = self.open.get_mut(self.level) {
                        *this = self.rest;
                    }
                    self.level += 1;
                    return Some(Node { name, properties: self.rest, parent, strings: self.tree.strings });
                }
                Token::End => self.level = self.level.checked_sub(1)?,
                Token::Property(..) => {}
            }
        }
    }
}

/// A node.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    name: &'t [u8],
    /// The structure block from its properties on.
    properties: &'t [u8],
    /// The same of its parent, which says how many cells its addresses have. `None` for a node below [`LEVELS`] levels.
    parent: Option<&'t [u8]>,
    strings: &'t [u8],
}

impl<'t> Node<'t> {
    /// A property's value, which may be empty.
    pub fn property(&self, name: &str) -> Option<&'t [u8]> {
        let mut rest = self.properties;
        loop {
            // Properties come first; then children, or the node's end.
            let Token::Property(at, value) = token(&mut rest)? else { return None };
            if is_named(self.strings, at, name) {
                return Some(value);
            }
        }
    }

    /// The value of a property that is one cell, a number of 32 bits.
    pub fn cell(&self, name: &str) -> Option<u32> {
        self.property(name).filter(|value| value.len() == 4).and_then(|value| cell_at(value, 0))
    }

    /// The value of a property that is a string, without the zero byte at its end.
    pub fn string(&self, name: &str) -> Option<&'t [u8]> {
        self.property(name)?.split(|&byte| byte == 0).next()
    }

    /// Whether its `compatible` lists `with`.
    pub fn is_compatible(&self, with: &str) -> bool {
        let list = self.property("compatible").unwrap_or_default();
        list.split(|&byte| byte == 0).any(|one| one == with.as_bytes())
    }

    /// Whether its device can be used: `status` says so, or is absent (2.3.4).
    pub fn is_available(&self) -> bool {
        matches!(self.string("status"), None | Some(b"okay" | b"ok"))
    }

    /// Address and size, in bytes, of its `index`-th range of memory or registers: `reg` (2.3.6).
    ///
    /// `None` if there is no such range, if `reg` does not consist of whole ranges, if a number has more than 64 bits, or if
    /// the sum of address and size does.
    pub fn registers(&self, index: usize) -> Option<(u64, u64)> {
        let parent = Self { properties: self.parent?, ..*self };
        let address = parent.cell("#address-cells").unwrap_or(DEFAULT_ADDRESS_CELLS);
        let size = parent.cell("#size-cells").unwrap_or(DEFAULT_SIZE_CELLS);
        if address > 2 || size > 2 {
            return None;
        }
        let length = 4 * (address + size) as usize;
        let reg = self.property("reg").filter(|reg| !reg.is_empty() && reg.len().is_multiple_of(length))?;
        let mut piece = cells(reg.get(index.checked_mul(length)?..)?.get(..length)?);
        let (address, size) = (number(&mut piece, address)?, number(&mut piece, size)?);
        address.checked_add(size).map(|_| (address, size))
    }

    /// Its `interrupts`: the cells that describe its interrupts, the first one first, in the form of their controller.
    pub fn interrupt(&self) -> Option<&'t [u8]> {
        self.property("interrupts")
    }
}

/// The cells, numbers of 32 bits, of a property's value.
pub fn cells(value: &[u8]) -> impl Iterator<Item = u32> {
    value.as_chunks().0.iter().map(|cell| u32::from_be_bytes(*cell))
}

/// The number in the next `count` cells, at most two.
fn number(cells: &mut impl Iterator<Item = u32>, count: u32) -> Option<u64> {
    (0..count).try_fold(0, |number: u64, _| Some(number << 32 | u64::from(cells.next()?)))
}

enum Token<'t> {
    /// The name of the node that begins.
    Begin(&'t [u8]),
    End,
    /// Offset of its name in the strings block, and its value.
    Property(u32, &'t [u8]),
}

/// Whether the string at offset `at` of the strings block is `name`.
fn is_named(strings: &[u8], at: u32, name: &str) -> bool {
    // Called for every property in the tree. Most names differ in their first byte, which needs no call to compare.
    let string = strings.get(at as usize..).filter(|string| string.first() == name.as_bytes().first());
    string.and_then(|string| string.strip_prefix(name.as_bytes())).is_some_and(|rest| rest.first() == Some(&0))
}

/// Takes the next token, skipping no-operations. `None` at the end of the structure, or where it is damaged.
fn token<'t>(rest: &mut &'t [u8]) -> Option<Token<'t>> {
    loop {
        let kind = cell_at(rest, 0)?;
        // Names and values are padded to whole cells.
        let (token, length) = match kind {
            BEGIN_NODE => {
                let name = rest.get(4..)?;
                let name = name.get(..name.iter().position(|&byte| byte == 0)?)?;
                (Token::Begin(name), 4 + name.len() + 1)
            }
            END_NODE => (Token::End, 4),
            PROPERTY => {
                let length = cell_at(rest, 4)? as usize;
                (Token::Property(cell_at(rest, 8)?, rest.get(12..)?.get(..length)?), 12 + length)
            }
            NO_OPERATION => {
                *rest = rest.get(4..)?;
                continue;
            }
            _ => return None,
        };
        *rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        return Some(token);
    }
}

/// The big-endian cell at `offset`, if all of it lies in `bytes`.
fn cell_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|raw| u32::from_be_bytes(*raw))
}

#[cfg(test)]
mod tests;
