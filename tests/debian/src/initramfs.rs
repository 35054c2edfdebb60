//! Archives as the kernel unpacks them to its first file system: cpio's "newc" (the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst).

use std::io::{Error, Result, Write};

use cpio::newc::{Builder, ModeFileType, trailer};

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
        self.entry(path, |entry| entry.mode(0o755).set_mode_file_type(ModeFileType::Directory), &[])
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.entry(path, |entry| entry.mode(mode).set_mode_file_type(ModeFileType::Regular), content)
    }

    /// Adds a character device with a major and a minor number.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn character_device(&mut self, path: &str, (major, minor): (u32, u32)) -> Result<()> {
        let device = |entry: Builder| entry.mode(0o600).set_mode_file_type(ModeFileType::Char);
        self.entry(path, |entry| device(entry).rdev_major(major).rdev_minor(minor), &[])
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When its end cannot be written.
    pub fn end(self) -> Result<W> {
        trailer(self.to)
    }

    fn entry(&mut self, path: &str, describe: impl FnOnce(Builder) -> Builder, content: &[u8]) -> Result<()> {
        self.entries += 1;
        let entry = describe(Builder::new(path.trim_start_matches('/')).ino(self.entries));
        let mut writer = entry.write(&mut self.to, u32::try_from(content.len()).map_err(Error::other)?);
        writer.write_all(content)?;
        writer.finish().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use cpio::newc::Reader;

    use super::*;

    #[test]
    fn an_archive_has_what_was_added_from_the_root_on() {
        let mut archive = Archive::new(Vec::new());
        archive.directory("/dev").unwrap();
        archive.character_device("/dev/console", (5, 1)).unwrap();
        archive.file("/init", 0o755, b"12345").unwrap();
        let bytes = archive.end().unwrap();

        let mut rest = &*bytes;
        let mut found = Vec::new();
        loop {
            let mut reader = Reader::new(rest).unwrap();
            let entry = reader.entry().clone();
            if entry.is_trailer() {
                break;
            }
            let mut content = String::new();
            reader.read_to_string(&mut content).unwrap();
            let device = (entry.rdev_major(), entry.rdev_minor());
            found.push((entry.name().to_owned(), entry.mode(), device, content));
            rest = reader.finish().unwrap();
        }
        let entry = |name: &str, mode, device, content: &str| (name.to_owned(), mode, device, content.to_owned());
        let expected = [
            entry("dev", 0o040_755, (0, 0), ""),
            entry("dev/console", 0o020_600, (5, 1), ""),
            entry("init", 0o100_755, (0, 0), "12345"),
        ];
        assert_eq!(found, expected);
    }
}
