//! Files of an ISO 9660 volume, with Rock Ridge's names or Joliet's where there are any (ECMA-119, IEEE P1282, Joliet 1).
//!
//! Own code, because it must neither allocate nor panic, whatever is on the disk, and only reads two names deep.

/// The size of a block in bytes.
pub const BLOCK: usize = 2048;

/// Descriptors of the volume begin in this block.
const FIRST_DESCRIPTOR: u32 = 16;
/// How many descriptors are looked at. Volumes have three or four.
const MAX_DESCRIPTORS: u32 = 16;
/// The most blocks of a folder that are searched: those of some 30,000 files.
const MAX_FOLDER: u32 = 2048;

const PRIMARY: u8 = 1;
const SUPPLEMENTARY: u8 = 2;
const TERMINATOR: u8 = 255;

/// The fixed part of a folder's record, before the name.
const RECORD: usize = 33;
const IS_FOLDER: u8 = 2;
/// The file goes on in the next record.
const GOES_ON: u8 = 0x80;

/// A disk that is read by blocks.
pub trait Blocks {
    /// Fills `into` with a block. Returns whether it could be read.
    fn read(&mut self, block: u32, into: &mut [u8; BLOCK]) -> bool;
}

/// A file or folder: its first block and its size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    block: u32,
    bytes: u32,
}

/// A volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its label, padded with spaces.
    pub label: [u8; 32],
    root: Extent,
    /// The root of the same files with Joliet's names.
    joliet: Option<Extent>,
}

impl Volume {
    /// The volume on a disk. `None` if there is none, or it cannot be read.
    pub fn find(blocks: &mut dyn Blocks) -> Option<Self> {
        let mut block = [0; BLOCK];
        let mut volume: Option<Self> = None;
        for number in (FIRST_DESCRIPTOR..).take(MAX_DESCRIPTORS as usize) {
            if !blocks.read(number, &mut block) || block.get(1..6) != Some(b"CD001") {
                break;
            }
            let root = extent(block.get(156..)?)?;
            match (block.first(), &mut volume) {
                (Some(&PRIMARY), None) => {
                    let label = *block.get(40..)?.first_chunk()?;
                    volume = Some(Self { label, root, joliet: None });
                }
                // Levels 1 to 3 of UCS-2.
                (Some(&SUPPLEMENTARY), Some(volume)) if matches!(block.get(88..91), Some(b"%/@" | b"%/C" | b"%/E")) => {
                    volume.joliet = Some(root);
                }
                (Some(&TERMINATOR), _) => break,
                _ => {}
            }
        }
        volume
    }

    /// Reads the file at `path`, names separated by `/`, to the beginning of `into`. Returns its size.
    ///
    /// # Errors
    /// If there is no such file, it is larger than `into`, or it cannot be read. The error says so in words.
    pub fn read(&self, blocks: &mut dyn Blocks, path: &str, into: &mut [u8]) -> Result<usize, &'static str> {
        let roots = [(Some(self.root), false), (self.joliet, true)];
        let file = roots.into_iter().find_map(|(root, joliet)| find(blocks, root?, path, joliet));
        let Extent { block, bytes } = file.ok_or("there is no such file")?;
        let into = into.get_mut(..bytes as usize).ok_or("it is too large")?;
        for (number, part) in (0..).zip(into.chunks_mut(BLOCK)) {
            let mut content = [0; BLOCK];
            if !block.checked_add(number).is_some_and(|block| blocks.read(block, &mut content)) {
                return Err("the disk cannot be read");
            }
            part.iter_mut().zip(content).for_each(|(place, byte)| *place = byte);
        }
        Ok(bytes as usize)
    }
}

/// Walks from a folder to the file at `path`. Each name leads one step on, so folders that contain themselves end, too.
fn find(blocks: &mut dyn Blocks, root: Extent, path: &str, joliet: bool) -> Option<Extent> {
    let mut names = path.split('/').peekable();
    let mut at = root;
    while let Some(name) = names.next() {
        at = entry(blocks, at, name, names.peek().is_some(), joliet)?;
    }
    Some(at)
}

/// The file or folder of a name in a folder.
fn entry(blocks: &mut dyn Blocks, folder: Extent, name: &str, wants_folder: bool, joliet: bool) -> Option<Extent> {
    let mut block = [0; BLOCK];
    let count = folder.bytes.div_ceil(BLOCK as u32).min(MAX_FOLDER);
    for number in 0..count {
        if !blocks.read(folder.block.checked_add(number)?, &mut block) {
            return None;
        }
        // No record goes on in the next block: the rest of one is zeros.
        let mut rest = &block[..];
        while let Some(&length) = rest.first().filter(|&&length| usize::from(length) > RECORD) {
            let Some((record, after)) = rest.split_at_checked(length.into()) else { break };
            rest = after;
            let flags = *record.get(25)?;
            let is_kind = (flags & IS_FOLDER != 0) == wants_folder && flags & GOES_ON == 0;
            if is_kind && is_named(record, name, joliet) {
                return extent(record);
            }
        }
    }
    None
}

fn extent(record: &[u8]) -> Option<Extent> {
    let word = |at: usize| record.get(at..)?.first_chunk().map(|raw| u32::from_le_bytes(*raw));
    Some(Extent { block: word(2)?, bytes: word(10)? })
}

/// Whether a record has this name. A name of ISO 9660 alone counts in either case and without its version.
fn is_named(record: &[u8], name: &str, joliet: bool) -> bool {
    let length = record.get(RECORD - 1).copied().unwrap_or(0).into();
    let Some((own, system)) = record.get(RECORD..).and_then(|rest| rest.split_at_checked(length)) else { return false };
    if joliet {
        // The files that are looked for have names in ASCII. Some writers add a version here, too.
        let own = own.as_chunks().0.iter().map(|&[high, low]| if high == 0 { low } else { 0 });
        return own.take_while(|&byte| byte != b';').eq(name.bytes());
    }
    if let Some(long) = rock_ridge(system.get(usize::from(length % 2 == 0)..).unwrap_or_default()) {
        return long == name.as_bytes();
    }
    // A file without an extension has a dot all the same.
    let (first, rest) = own.split_at_checked(name.len()).unwrap_or_default();
    first.eq_ignore_ascii_case(name.as_bytes()) && matches!(rest, [] | [b';' | b'.'] | [b';', ..] | [b'.', b';', ..])
}

/// The name in a record's system use area: its entry NM.
fn rock_ridge(mut system: &[u8]) -> Option<&[u8]> {
    loop {
        let length = usize::from(*system.get(2)?);
        let (entry, after) = system.split_at_checked(length.max(4))?;
        if entry.starts_with(b"NM") {
            return entry.get(5..);
        }
        system = after;
    }
}
