//! The flattened device tree (Devicetree Specification 0.4, chapters 2 and 5), as far as it tells what a guest needs.
//!
//! Its nodes are gone through in their order, and addresses taken as those of memory: the buses of the machines that this
//! is for translate none. Own code, because reading a tree that way takes a fraction of what a library's tree takes of an
//! image of 64 KiB.

mod pci_host;

pub use self::pci_host::{InterruptMap, pci_ecam, pci_ranges};

use heapless::Vec;

use crate::memory::{Ram, as_many_as_fit};

const MAGIC: u32 = 0xd00d_feed;
const HEADER_SIZE: usize = 40;
/// No machine's tree comes near this; a larger size is a lie.
const MAX_SIZE: usize = 4 << 20;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NO_OPERATION: u32 = 4;

/// How many cells addresses and sizes have in a node whose parent does not say (2.3.5).
const DEFAULT_ADDRESS_CELLS: u32 = 2;
const DEFAULT_SIZE_CELLS: u32 = 1;

/// How deep the nodes may lie whose addresses are read; QEMU's devices are on the third level at most.
const LEVELS: usize = 8;

/// A tree.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'t> {
    structure: &'t [u8],
    strings: &'t [u8],
}

impl<'t> Tree<'t> {
    /// How many bytes the tree has that begins with `header`, of at least 8 bytes. `None` if none does.
    pub fn size(header: &[u8]) -> Option<usize> {
        let size = cell_at(header, 4)? as usize;
        (cell_at(header, 0)? == MAGIC && (HEADER_SIZE..=MAX_SIZE).contains(&size)).then_some(size)
    }

    /// The tree in `blob`, if it has one.
    pub fn new(blob: &'t [u8]) -> Option<Self> {
        let blob = blob.get(..Self::size(blob)?)?;
        let block = |offset, size| blob.get(cell_at(blob, offset)? as usize..)?.get(..cell_at(blob, size)? as usize);
        Some(Self { structure: block(8, 36)?, strings: block(12, 32)? })
    }

    /// The nodes, each before those within it.
    pub fn nodes(&self) -> Nodes<'t> {
        Nodes { tree: *self, rest: self.structure, level: 0, open: [&[]; LEVELS] }
    }

    /// The nodes that say they are compatible with something.
    pub fn compatible(&self, with: &'static str) -> impl Iterator<Item = Node<'t>> + use<'t> {
        self.nodes().filter(move |node| node.is_compatible(with))
    }

    /// The first node that has a property, and the property.
    pub fn property(&self, name: &str) -> Option<&'t [u8]> {
        self.nodes().find_map(|node| node.property(name))
    }

    /// The RAM, in the tree's order. More pieces than there is room for are left out.
    pub fn ram(&self) -> Vec<Ram, 16> {
        let memory = self.nodes().filter(|node| node.string("device_type") == Some(b"memory"));
        let pieces = memory.flat_map(|node| (0..).map_while(move |index| node.registers(index)));
        as_many_as_fit(pieces.map(|(start, size)| Ram { start, end: start + size }))
    }

    /// The node that others refer to by a number.
    pub fn by_phandle(&self, phandle: u32) -> Option<Node<'t>> {
        self.nodes().find(|node| node.cell("phandle") == Some(phandle))
    }
}

/// An iterator over nodes.
#[derive(Clone, Debug)]
pub struct Nodes<'t> {
    tree: Tree<'t>,
    rest: &'t [u8],
    level: usize,
    /// The structure block from the properties on of each node that is open, the outermost first.
    open: [&'t [u8]; LEVELS],
}

impl<'t> Iterator for Nodes<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        loop {
            match token(&mut self.rest)? {
                Token::Begin => {
                    let parent = match self.level.checked_sub(1) {
                        Some(above) => self.open.get(above).copied(),
                        None => Some(&[][..]),
                    };
                    if let Some(this) = self.open.get_mut(self.level) {
                        *this = self.rest;
                    }
                    self.level += 1;
                    return Some(Node { properties: self.rest, parent, strings: self.tree.strings });
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
    /// The structure block from its properties on.
    properties: &'t [u8],
    /// The same of the node around it, which says how its addresses are written. `None` where the tree is too deep to know.
    parent: Option<&'t [u8]>,
    strings: &'t [u8],
}

impl<'t> Node<'t> {
    /// A property's value, which may be empty.
    pub fn property(&self, name: &str) -> Option<&'t [u8]> {
        let mut rest = self.properties;
        loop {
            // What follows the properties is another node, or this one's end.
            let Token::Property(at, value) = token(&mut rest)? else { return None };
            if is_named(self.strings, at, name) {
                return Some(value);
            }
        }
    }

    /// A property that is one cell.
    pub fn cell(&self, name: &str) -> Option<u32> {
        self.property(name).filter(|value| value.len() == 4).and_then(|value| cell_at(value, 0))
    }

    /// A property that is a string, without its end.
    pub fn string(&self, name: &str) -> Option<&'t [u8]> {
        self.property(name)?.split(|&byte| byte == 0).next()
    }

    /// Whether it says it is compatible with something.
    pub fn is_compatible(&self, with: &str) -> bool {
        let list = self.property("compatible").unwrap_or_default();
        list.split(|&byte| byte == 0).any(|one| one == with.as_bytes())
    }

    /// Address and size, in bytes, of its `index`-th piece of memory or registers: `reg` (2.3.6).
    ///
    /// `None` if there is no such piece, if `reg` is not made of whole pieces or of numbers of at most 64 bits, or if the
    /// address after the piece's last byte would need more than 64 bits.
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

    /// The cells that describe its first interrupt to its controller.
    pub fn interrupt(&self) -> Option<&'t [u8]> {
        self.property("interrupts")
    }
}

/// The cells of a property.
pub fn cells(value: &[u8]) -> impl Iterator<Item = u32> {
    value.as_chunks().0.iter().map(|cell| u32::from_be_bytes(*cell))
}

/// The number that the next `count` cells are, at most two.
fn number(cells: &mut impl Iterator<Item = u32>, count: u32) -> Option<u64> {
    (0..count).try_fold(0, |number: u64, _| Some(number << 32 | u64::from(cells.next()?)))
}

enum Token<'t> {
    Begin,
    End,
    /// Where its name is among the strings, and its value.
    Property(u32, &'t [u8]),
}

/// Whether the string at `at` is this name.
fn is_named(strings: &[u8], at: u32, name: &str) -> bool {
    // Machines are found by looking at every name: most differ in their first byte, which takes no call to see.
    let string = strings.get(at as usize..).filter(|string| string.first() == name.as_bytes().first());
    string.and_then(|string| string.strip_prefix(name.as_bytes())).is_some_and(|rest| rest.first() == Some(&0))
}

/// Takes the next token that means something. `None` at the end of the structure, or where it is broken.
fn token<'t>(rest: &mut &'t [u8]) -> Option<Token<'t>> {
    loop {
        let kind = cell_at(rest, 0)?;
        // Names and values are filled up to whole cells.
        let (token, length) = match kind {
            BEGIN_NODE => (Token::Begin, 4 + rest.get(4..)?.iter().position(|&byte| byte == 0)? + 1),
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

/// The big-endian cell at `offset`, if it lies within.
fn cell_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|raw| u32::from_be_bytes(*raw))
}

#[cfg(test)]
mod tests;
