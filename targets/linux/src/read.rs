//! Small files and directories, read whole.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags, RawDir, open};
use rustix::io::{Errno, read};

/// Nothing that is read here is larger; what is larger is cut.
const MAX: usize = 64 << 10;

/// The text of a file.
///
/// # Errors
/// If it cannot be read, or is no text.
pub fn text(path: &str) -> Result<String, Errno> {
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = Vec::new();
    while bytes.len() < MAX {
        bytes.reserve(4096);
        if read(&file, spare_capacity(&mut bytes))? == 0 {
            break;
        }
    }
    String::from_utf8(bytes).map_err(|_| Errno::ILSEQ)
}

/// The names in a directory, sorted.
///
/// # Errors
/// If it cannot be read.
pub fn names(path: &str) -> Result<Vec<String>, Errno> {
    let directory = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = Vec::with_capacity(4096);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        if let Ok(name) = entry?.file_name().to_str()
            && !matches!(name, "." | "..")
        {
            names.push(name.to_string());
        }
    }
    names.sort_unstable();
    Ok(names)
}
