//! Writes the kernel's command line into a flattened device tree (Devicetree Specification 0.4, chapter 5), as a loader must.
//!
//! Own code, because the crate `dtoolkit` cannot be linked into a position-independent file for riscv64.

const MAGIC: u32 = 0xd00d_feed;
const HEADER_SIZE: usize = 40;
/// The largest tree that is accepted: real ones are much smaller.
const MAX_SIZE: usize = 4 << 20;
const VERSION: u32 = 17;
const COMPATIBLE_VERSION: u32 = 16;
const RESERVATION_SIZE: usize = 16;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const END: u32 = 9;

const CHOSEN: &[u8] = b"chosen\0";
const COMMAND_LINE: &[u8] = b"bootargs\0";

/// How many bytes the new tree may need beside the old one and the command line.
pub const MORE: usize = 64;

/// The size in bytes of the tree that begins with `header`, of at least 8 bytes. `None` if that is no tree's header.
pub fn size(header: &[u8]) -> Option<usize> {
    let size = cell(header, 4)? as usize;
    (cell(header, 0)? == MAGIC && (HEADER_SIZE..=MAX_SIZE).contains(&size)).then_some(size)
}

/// Writes `tree` to `room`, with its command line replaced by `command_line`, and returns the new length. An empty `command_line`
/// keeps the tree's own. `None` if the tree is broken or has no node for a command line, or if `room` is too small.
pub fn with_command_line(tree: &[u8], command_line: &[u8], room: &mut [u8]) -> Option<usize> {
    let block = |offset, size| tree.get(cell(tree, offset)? as usize..)?.get(..cell(tree, size)? as usize);
    let (structure, strings) = (block(8, 36)?, block(12, 32)?);
    let reservations = tree.get(cell(tree, 16)? as usize..)?.as_chunks::<RESERVATION_SIZE>().0;
    let mut new = Writer { room, length: HEADER_SIZE };
    for reservation in reservations {
        new.put(reservation)?;
        if *reservation == [0; RESERVATION_SIZE] {
            break;
        }
    }
    let structure_at = new.length;
    put_structure(&mut new, structure, strings, command_line)?;
    let strings_at = new.length;
    new.put(strings)?;
    new.put(COMMAND_LINE)?;
    let length = new.length;
    let header = [
        MAGIC,
        length as u32,
        structure_at as u32,
        strings_at as u32,
        HEADER_SIZE as u32,
        VERSION,
        COMPATIBLE_VERSION,
        cell(tree, 28)?,
        (length - strings_at) as u32,
        (strings_at - structure_at) as u32,
    ];
    new.length = 0;
    header.into_iter().try_for_each(|word| new.put(&word.to_be_bytes()))?;
    Some(length)
}

fn put_structure(new: &mut Writer<'_>, structure: &[u8], strings: &[u8], command_line: &[u8]) -> Option<()> {
    let mut rest = structure;
    let mut level = 0_usize;
    let mut chosen = false;
    let mut done = command_line.is_empty();
    loop {
        let kind = cell(rest, 0)?;
        let length = match kind {
            BEGIN_NODE => 4 + rest.get(4..)?.iter().position(|&byte| byte == 0)? + 1,
            PROPERTY => (cell(rest, 4)? as usize).checked_add(12)?,
            _ => 4,
        };
        let replaced = kind == PROPERTY
            && chosen
            && !command_line.is_empty()
            && strings.get(cell(rest, 8)? as usize..)?.starts_with(COMMAND_LINE);
        let (token, after) = rest.split_at_checked(length.checked_next_multiple_of(4)?)?;
        rest = after;
        if !replaced {
            new.put(token)?;
        }
        // No single `match` of all kinds: it may become a jump table, whose addresses would need relocation.
        if kind == BEGIN_NODE {
            // A node's properties come before its children.
            chosen = level == 1 && token.get(4..)?.starts_with(CHOSEN);
            level += 1;
            if chosen && !done {
                put_property(new, strings.len() as u32, command_line)?;
                done = true;
            }
        } else if kind == END_NODE {
            level = level.checked_sub(1)?;
            chosen = false;
        } else if kind == END {
            return done.then_some(());
        }
    }
}

/// Writes a string property, whose name is at `name` in the block of strings.
fn put_property(new: &mut Writer<'_>, name: u32, value: &[u8]) -> Option<()> {
    let length = value.len().checked_add(1)?;
    for word in [PROPERTY, length as u32, name] {
        new.put(&word.to_be_bytes())?;
    }
    new.put(value)?;
    // Its terminating 0, and padding to a whole cell.
    new.put([0; 4].get(..4 - value.len() % 4)?)
}

/// Appends bytes to a room that may be too small for them.
struct Writer<'r> {
    room: &'r mut [u8],
    length: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let place = self.room.get_mut(self.length..)?.get_mut(..bytes.len())?;
        place.copy_from_slice(bytes);
        self.length += bytes.len();
        Some(())
    }
}

/// The big-endian cell at `offset`, if it lies within.
fn cell(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|raw| u32::from_be_bytes(*raw))
}

#[cfg(test)]
mod tests;
