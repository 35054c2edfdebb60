//! Archives as the kernel unpacks them to its first file system: cpio's "newc" (the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst).

use std::io::{Result, Write};

/// What kind of file an entry is: the upper bits of its mode.
const DIRECTORY: u32 = 0o040_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const REGULAR: u32 = 0o100_000;

/// What ends the archive.
const TRAILER: &str = "TRAILER!!!";

/// An archive that is being written. All files are root's.
#[derive(Debug)]
pub struct Archive<W> {
    to: W,
    entries: u32,
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    pub const fn new(to: W) -> Self {
        Self { to, entries: 0 }
    }

    /// Adds a directory. Those above it must be there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn directory(&mut self, path: &str) -> Result<()> {
        self.entry(path, DIRECTORY | 0o755, (0, 0), &[])
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.entry(path, REGULAR | mode, (0, 0), content)
    }

    /// Adds a device that gives and takes characters.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn character_device(&mut self, path: &str, number: (u32, u32)) -> Result<()> {
        self.entry(path, CHARACTER_DEVICE | 0o600, number, &[])
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When its end cannot be written.
    pub fn end(mut self) -> Result<W> {
        self.entry(TRAILER, 0, (0, 0), &[])?;
        Ok(self.to)
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) -> Result<()> {
        self.entries += 1;
        let name = path.trim_start_matches('/');
        let size = u32::try_from(content.len()).map_err(std::io::Error::other)?;
        // A path has no more than a few thousand bytes.
        let name_size = name.len() as u32 + 1;
        // inode, mode, owner, group, links, time, size, the file system's device, the file's own, the name's size, no checksum
        let numbers = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name_size, 0];
        let mut header = String::from("070701");
        for number in numbers {
            header += &format!("{number:08x}");
        }
        header += name;
        header.push('\0');
        self.padded(header.as_bytes())?;
        self.padded(content)
    }

    /// Each part begins at a multiple of four bytes.
    fn padded(&mut self, bytes: &[u8]) -> Result<()> {
        self.to.write_all(bytes)?;
        self.to.write_all(&[0; 3][..bytes.len().next_multiple_of(4) - bytes.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_headers_names_and_contents_in_fours() {
        let mut archive = Archive::new(Vec::new());
        archive.directory("/dev").unwrap();
        archive.character_device("/dev/console", (5, 1)).unwrap();
        archive.file("/init", 0o755, b"12345").unwrap();
        let bytes = archive.end().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8(bytes).unwrap();
        let zeroes = "00000000";
        assert!(text.starts_with(&format!("07070100000001000041ed{zeroes}{zeroes}00000001")), "{text}");
        // Its device is 5:1; the name with its zero is 12 + 1 bytes long.
        assert!(text.contains(&format!("00000005000000010000000c{zeroes}dev/console\0")), "{text}");
        assert!(text.contains(&format!("00000005{zeroes}{zeroes}{zeroes}{zeroes}00000005{zeroes}init\0")), "{text}");
        // A header of 110 bytes and a name of 5 end one byte before a multiple of four, a content of 5 three before.
        assert!(text.contains("init\0\x0012345\0\0\x00070701"), "{text:?}");
        assert!(text.contains("TRAILER!!!\0"));
    }
}
