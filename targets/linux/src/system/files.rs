//! What is read of the kernel's file systems and of `/etc`: small files whole, and directories.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem::MaybeUninit;

use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, RawDir, SeekFrom, open, openat, readlink, seek};
use rustix::io::{Errno, pread, read, retry_on_intr, write};

/// No file that is read whole is larger, and no line of one that is read in pieces. procfs and sysfs tell no sizes.
const LARGEST: usize = 4 << 20;

/// All of a file.
pub fn read_file(path: &str) -> Result<Vec<u8>, Errno> {
    read_at(CWD, path)
}

/// All of a file, by its name in an open directory.
pub fn read_at(directory: impl AsFd, name: &str) -> Result<Vec<u8>, Errno> {
    read_all(openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?)
}

/// All of an open file.
pub fn read_all(file: OwnedFd) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match read(&file, &mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(got) if bytes.len() + got <= LARGEST => bytes.extend_from_slice(chunk.get(..got).unwrap_or_default()),
            Ok(_) => return Err(Errno::FBIG),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Calls `take` with each line of a file, however long the file is: it is read in pieces.
pub fn lines_of(path: &str, take: impl FnMut(&[u8])) -> Result<(), Errno> {
    lines_in(open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?, take)
}

/// The same of a file that is open.
pub fn lines_in(file: impl AsFd, mut take: impl FnMut(&[u8])) -> Result<(), Errno> {
    let mut begun: Vec<u8> = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let got = match read(&file, &mut chunk) {
            Ok(0) => break,
            Ok(got) => chunk.get(..got).unwrap_or_default(),
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error),
        };
        let mut lines = got.split(|byte| *byte == b'\n');
        // The last one has not ended yet.
        let rest = lines.next_back().unwrap_or_default();
        for line in lines {
            if begun.is_empty() {
                take(line);
            } else {
                begun.extend_from_slice(line);
                take(&begun);
                begun.clear();
            }
        }
        if begun.len() + rest.len() > LARGEST {
            return Err(Errno::FBIG);
        }
        begun.extend_from_slice(rest);
    }
    if !begun.is_empty() {
        take(&begun);
    }
    Ok(())
}

/// All of a file as text. What is no UTF-8 of it shows as such.
pub fn read_text(path: &str) -> Result<String, Errno> {
    read_file(path).map(|bytes| match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// An attribute of sysfs as text. It is no longer than a page, and one read returns all of it.
pub fn read_attribute(path: &str) -> Result<String, Errno> {
    attribute_in(open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?)
}

fn attribute_in(file: impl AsFd) -> Result<String, Errno> {
    let mut page = [0; 4096];
    let length = retry_on_intr(|| pread(&file, &mut page, 0))?;
    Ok(String::from_utf8_lossy(page.get(..length).unwrap_or_default()).into_owned())
}

/// A file of procfs or sysfs that is read again and again. It is kept open, because to open one costs more than to read it.
#[derive(Debug)]
pub struct KeptFile {
    path: &'static str,
    file: Option<OwnedFd>,
}

impl KeptFile {
    /// The file at a path. It is not read yet.
    pub const fn new(path: &'static str) -> Self {
        Self { path, file: None }
    }

    /// All of an attribute of sysfs, which is no longer than a page.
    pub fn attribute(&mut self) -> Result<String, Errno> {
        attribute_in(self.file()?)
    }

    /// Calls `take` with each line that is in it now.
    pub fn lines(&mut self, take: impl FnMut(&[u8])) -> Result<(), Errno> {
        let file = self.file()?;
        seek(file, SeekFrom::Start(0))?;
        lines_in(file, take)
    }

    fn file(&mut self) -> Result<&OwnedFd, Errno> {
        Ok(match &mut self.file {
            Some(file) => file,
            none => none.insert(open(self.path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?),
        })
    }
}

/// What a file of one line says, if there is one and it says something.
pub fn read_line(path: &str) -> Option<String> {
    let mut text = read_attribute(path).ok()?;
    text.truncate(text.trim_end().len());
    let start = text.len() - text.trim_start().len();
    text.drain(..start);
    (!text.is_empty()).then_some(text)
}

/// The names in a directory, in order.
pub fn names(directory: &str) -> Result<Vec<String>, Errno> {
    let (directory, mut room) = (open_directory(directory)?, [MaybeUninit::uninit(); 4096]);
    let (mut entries, mut names) = (RawDir::new(directory, &mut room), Vec::new());
    while let Some(entry) = entries.next() {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The numbers of a directory's entries that are called `prefix` and a number, in order.
pub fn numbers(directory: &str, prefix: &str) -> Result<Vec<u64>, Errno> {
    let mut numbers: Vec<u64> = names(directory)?
        .iter()
        .filter_map(|name| name.strip_prefix(prefix))
        // A sign is a number's for Rust only.
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
        .filter_map(|digits| digits.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Opens a directory.
pub fn open_directory(path: &str) -> Result<OwnedFd, Errno> {
    open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Writes all of `bytes` to a file.
pub fn write_all(file: impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(&file, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes to a file that is there: an attribute of sysfs.
pub fn write_attribute(path: &str, bytes: &[u8]) -> Result<(), Errno> {
    let file = open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    write_all(file, bytes)
}

/// Where the link called `name` in a directory leads. No part of the directory's path may be a link.
pub fn linked(directory: &str, name: &str) -> Result<String, Errno> {
    let target = readlink(format!("{directory}/{name}"), Vec::new())?;
    let target = target.to_string_lossy();
    let mut path = String::from(if target.starts_with('/') { "" } else { directory });
    for part in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            path.truncate(path.rfind('/').unwrap_or(0));
        } else {
            path.push('/');
            path.push_str(part);
        }
    }
    Ok(path)
}

/// Where a path leads when all links on it are followed, as the kernel names an open file.
pub fn real_path(path: &str) -> Result<String, Errno> {
    real_path_of(&open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// The path of an open file, without links.
pub fn real_path_of(file: &OwnedFd) -> Result<String, Errno> {
    let target = readlink(self_path(file), Vec::new())?;
    Ok(target.to_string_lossy().into_owned())
}

/// The path by which this process can open an open file again, wherever that is now.
pub fn self_path(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

#[cfg(test)]
pub mod testing {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A folder for one test. It goes with this.
    pub struct TestFolder(PathBuf);

    impl TestFolder {
        pub fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("linux-agent-{test}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        /// The path of a file in it.
        pub fn path(&self, name: &str) -> String {
            self.0.join(name).to_str().unwrap().into()
        }

        /// What is in it.
        pub fn names(&self) -> Vec<String> {
            names(self.0.to_str().unwrap()).unwrap()
        }
    }

    impl Drop for TestFolder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file is longer than one that is read whole may be.
    #[test]
    fn a_file_is_read_line_by_line_however_it_is_cut() {
        let folder = testing::TestFolder::new("lines");
        let path = folder.path("file");
        let expected: Vec<String> = (0..20_000).map(|number| "x".repeat(number % 700)).collect();
        std::fs::write(&path, expected.join("\n")).unwrap();
        assert_eq!(read_file(&path).unwrap_err(), Errno::FBIG);
        let mut lines = Vec::new();
        lines_in(std::fs::File::open(&path).unwrap(), |line| lines.push(String::from_utf8(line.to_vec()).unwrap()))
            .unwrap();
        assert!(lines == expected);
    }

    #[test]
    fn files_and_directories_of_the_kernel_are_read_whole() {
        assert!(read_text("/proc/self/status").unwrap().starts_with("Name:"));
        assert_eq!(read_file("/proc/no such file").unwrap_err(), Errno::NOENT);
        assert_eq!(read_line("/proc/no such file"), None);
        assert!(names("/proc/self").unwrap().contains(&String::from("status")));
        assert_eq!(numbers("/sys/devices/system/cpu", "cpu").unwrap().first(), Some(&0));
        assert_eq!(real_path("/proc/self/../1").unwrap(), "/proc/1");
    }

    #[test]
    fn a_link_leads_where_the_kernel_says() {
        let folder = testing::TestFolder::new("links");
        std::fs::create_dir_all(folder.path("a/b")).unwrap();
        for (name, target) in [("up", "../a/./b"), ("here", "b"), ("root", "/proc"), ("above", "../../../../../../..")]
        {
            std::os::unix::fs::symlink(target, folder.path(&format!("a/{name}"))).unwrap();
            let found = linked(&folder.path("a"), name).unwrap();
            let expected = real_path(&folder.path(&format!("a/{name}")));
            assert_eq!(real_path(if found.is_empty() { "/" } else { &found }), expected, "{found}");
        }
        assert_eq!(linked(&folder.path("a"), "b"), Err(Errno::INVAL));
    }
}
