//! The flattened device tree (Devicetree Specification 0.4, chapters 2 and 5), as far as it tells what a guest needs.
//!
//! Its nodes are gone through in their order, and addresses taken as those of memory: the buses of the machines that this
//! is for translate none. Own code, because reading a tree that way takes a fraction of what a library's tree takes of an
//! image of 64 KiB.

mod pci_host;

pub use self::pci_host::{InterruptMap, pci_ranges};

const MAGIC: u32 = 0xd00d_feed;
const HEADER_SIZE: usize = 40;
/// No machine's tree comes near this; a larger size is a lie.
const MAX_SIZE: usize = 4 << 20;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NO_OPERATION: u32 = 4;

/// How many levels of nodes are told apart; devices are on the third at most.
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
        Nodes { tree: *self, rest: self.structure, level: 0, cells: [Cells::DEFAULT; LEVELS] }
    }

    /// The nodes that say they are compatible with something.
    pub fn compatible(&self, with: &'static str) -> impl Iterator<Item = Node<'t>> + use<'t> {
        self.nodes().filter(move |node| node.is_compatible(with))
    }

    /// The first node that has a property, and the property.
    pub fn property(&self, name: &str) -> Option<&'t [u8]> {
        self.nodes().find_map(|node| node.property(name))
    }

    /// The node that others refer to by a number.
    pub fn by_phandle(&self, phandle: u32) -> Option<Node<'t>> {
        self.nodes().find(|node| node.cell("phandle") == Some(phandle))
    }
}

/// How many cells addresses and sizes have in the nodes within a node.
#[derive(Clone, Copy, Debug)]
struct Cells {
    address: u32,
    size: u32,
}

impl Cells {
    /// Those of a node that does not say (2.3.5).
    const DEFAULT: Self = Self { address: 2, size: 1 };
}

/// An iterator over nodes.
#[derive(Clone, Debug)]
pub struct Nodes<'t> {
    tree: Tree<'t>,
    rest: &'t [u8],
    level: usize,
    /// Of the nodes that are open, the outermost first.
    cells: [Cells; LEVELS],
}

impl<'t> Iterator for Nodes<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        loop {
            match token(&mut self.rest)? {
                Token::Begin => {
                    let cells = self.cells.get(self.level.wrapping_sub(1)).copied().unwrap_or(Cells::DEFAULT);
                    if let Some(own) = self.cells.get_mut(self.level) {
                        *own = Cells::DEFAULT;
                    }
                    self.level += 1;
                    return Some(Node { properties: self.rest, strings: self.tree.strings, cells });
                }
                Token::End => self.level = self.level.checked_sub(1)?,
                // A node's properties come before the nodes within it.
                Token::Property(name, value) => {
                    let own = self.level.checked_sub(1).and_then(|level| self.cells.get_mut(level));
                    let count = || cell_at(value, 0).filter(|_| value.len() == 4);
                    if let Some(own) = own {
                        if is_named(self.tree.strings, name, "#address-cells") {
                            own.address = count().unwrap_or(own.address);
                        } else if is_named(self.tree.strings, name, "#size-cells") {
                            own.size = count().unwrap_or(own.size);
                        }
                    }
                }
            }
        }
    }
}

/// A node.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    /// The structure block from its properties on.
    properties: &'t [u8],
    strings: &'t [u8],
    cells: Cells,
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

    /// Address and size of its `index`-th piece of memory or registers. They do not overflow.
    pub fn registers(&self, index: usize) -> Option<(u64, u64)> {
        let Cells { address, size } = self.cells;
        let mut pieces = cells(self.property("reg")?);
        let mut piece = || Some((number(&mut pieces, address)?, number(&mut pieces, size)?));
        for _ in 0..index {
            piece()?;
        }
        piece().filter(|&(address, size)| address.checked_add(size).is_some())
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

/// A number of so many cells; of more than two, only the last two count.
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
