//! The file systems on disks, from the mounts of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use alloc::ffi::CString;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use super::files::lines_in;

/// A device by its major and minor number.
pub type Device = (u32, u32);

/// A file system that is mounted at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// The kernel's number for the file system. For btrfs it is no device's.
    pub number: Device,
    /// The disk that it is on; for btrfs, which may be on several, the one that it names.
    pub disk: Device,
    /// Its type.
    pub kind: String,
    /// All its mounts, in the order of mounting, and at least one.
    pub mounts: Vec<Mount>,
}

/// One mount of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The kernel's number for the mount.
    pub id: u64,
    /// Whether it shows the whole file system and not a folder or file of it.
    pub is_whole: bool,
    /// Where it is.
    pub point: CString,
}

impl Mount {
    /// Where it is, for people.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(self.point.as_bytes()).into_owned()
    }
}

impl Mounted {
    /// The mount by which hosts are told of the file system: the first that shows all of it, or else the first of all.
    pub fn place(&self) -> Option<&Mount> {
        self.mounts.iter().find(|mount| mount.is_whole).or_else(|| self.mounts.first())
    }

    /// Where that is, for people.
    pub fn name(&self) -> String {
        self.place().map(Mount::name).unwrap_or_default()
    }
}

/// All file systems on disks, in the order in which they were mounted first.
pub fn mounted() -> Result<Vec<Mounted>, Errno> {
    mounted_in(open_table()?)
}

/// The table of mounts, which can be polled for changes since it was opened.
pub fn open_table() -> Result<OwnedFd, Errno> {
    open("/proc/self/mountinfo", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// The same of a table that has just been opened.
pub fn mounted_in(table: impl AsFd) -> Result<Vec<Mounted>, Errno> {
    let mut found = Collection::default();
    lines_in(table, |line| found.add(line, &device_of))?;
    Ok(found.file_systems)
}

/// File systems, found again by their numbers.
#[derive(Default)]
struct Collection {
    file_systems: Vec<Mounted>,
    /// Numbers with places in that list, in the order of the numbers.
    places: Vec<(Device, usize)>,
}

impl Collection {
    fn add(&mut self, line: &[u8], device_of: &dyn Fn(&CString) -> Option<Device>) {
        let Some(Line { number, kind, source, mount }) = parse(line) else { return };
        match self.places.binary_search_by_key(&number, |(number, _)| *number) {
            Ok(at) => {
                let known = self.places.get(at).and_then(|(_, place)| self.file_systems.get_mut(*place));
                if let Some(known) = known {
                    known.mounts.push(mount);
                }
            }
            Err(at) => {
                // btrfs may be on several disks, so the kernel gives it a number like those of file systems on none.
                let disk = match number.0 {
                    0 if kind == "btrfs" => unescaped(source).and_then(|source| device_of(&source)),
                    0 => None,
                    _ => Some(number),
                };
                let Some(disk) = disk else { return };
                self.places.insert(at, (number, self.file_systems.len()));
                let mounts = Vec::from([mount]);
                self.file_systems.push(Mounted { number, disk, kind: kind.into(), mounts });
            }
        }
    }
}

/// The number of the block device at a path.
fn device_of(path: &CString) -> Option<Device> {
    let found = rustix::fs::stat(path).ok()?;
    let is_device = rustix::fs::FileType::from_raw_mode(found.st_mode) == rustix::fs::FileType::BlockDevice;
    is_device.then(|| (rustix::fs::major(found.st_rdev), rustix::fs::minor(found.st_rdev)))
}

struct Line<'l> {
    number: Device,
    kind: &'l str,
    source: &'l [u8],
    mount: Mount,
}

/// A line: number, parent, device, root, mount point, options, more options up to a hyphen, type, source.
fn parse(line: &[u8]) -> Option<Line<'_>> {
    let mut words = line.split(|byte| *byte == b' ');
    let id = core::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let number = core::str::from_utf8(words.nth(1)?).ok()?;
    let root = words.next()?;
    let point = unescaped(words.next()?)?;
    let mut words = words.skip_while(|word| *word != b"-").skip(1);
    let kind = core::str::from_utf8(words.next()?).ok()?;
    let source = words.next()?;
    let (major, minor) = number.split_once(':')?;
    let number = (major.parse().ok()?, minor.parse().ok()?);
    Some(Line { number, kind, source, mount: Mount { id, is_whole: root == b"/", point } })
}

/// A path whose blanks and backslashes are written as `\` and three octal digits.
pub fn unescaped(path: &[u8]) -> Option<CString> {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        let code = match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if first == b'\\' => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(first));
        rest = after.get(if code.is_some() { 3 } else { 0 }..).unwrap_or_default();
    }
    CString::new(bytes).ok()
}

/// The file systems of a text, where no disk is at any path but one.
#[cfg(test)]
pub fn of_text(text: &[u8]) -> Vec<Mounted> {
    let device_of = |path: &CString| (path.as_bytes() == b"/dev/a disk").then_some((8, 1));
    let mut found = Collection::default();
    text.split(|byte| *byte == b'\n').for_each(|line| found.add(line, &device_of));
    found.file_systems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, String, Device)> {
        of_text(text.as_bytes()).into_iter().map(|found| (found.name(), found.kind, found.disk)).collect()
    }

    #[test]
    fn a_mount_on_a_disk_is_told_with_its_device() {
        let root = told("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard");
        assert_eq!(root, [("/".into(), "ext4".into(), (254, 0))]);
        let shared = told(r"36 35 98:0 /mnt1 /mnt/two\040words\134 rw master:1 shared:2 - ext3 /dev/root rw");
        assert_eq!(shared, [(r"/mnt/two words\".into(), "ext3".into(), (98, 0))]);
    }

    #[test]
    fn btrfs_is_on_the_disk_that_it_names() {
        let line = r"40 27 0:35 / /data rw - btrfs /dev/a\040disk rw";
        assert_eq!(told(line), [("/data".into(), "btrfs".into(), (8, 1))]);
        assert_eq!(told("40 27 0:35 / /data rw - btrfs /dev/none rw"), []);
    }

    #[test]
    fn a_file_system_is_listed_once_with_all_its_mounts() {
        let lines = "27 1 254:0 / / rw - ext4 /dev/vda rw\n42 27 254:0 /a /a rw - ext4 /dev/vda rw\n\
            43 27 254:1 /sub /b rw - ext4 /dev/vdb rw\n44 27 254:0 / /c rw - ext4 /dev/vda rw\n\
            45 27 254:1 / /whole rw - ext4 /dev/vdb rw\n46 27 0:35 / /d rw - btrfs /dev/a\\040disk rw\n\
            47 27 0:35 /sub /e rw - btrfs /dev/a\\040disk rw\n";
        let found = of_text(lines.as_bytes());
        let points = |found: &Mounted| found.mounts.iter().map(Mount::name).collect::<Vec<_>>();
        assert_eq!(found.iter().map(Mounted::name).collect::<Vec<_>>(), ["/", "/whole", "/d"]);
        assert_eq!(
            found.iter().map(points).collect::<Vec<_>>(),
            [["/", "/a", "/c"].as_slice(), &["/b", "/whole"], &["/d", "/e"]]
        );
    }

    #[test]
    fn what_is_on_no_disk_or_no_mount_is_left_out() {
        for line in [
            "22 27 0:21 / /proc rw,relatime - proc proc rw",
            "27 1 254:0 / / rw,relatime ext4 /dev/vda rw",
            "27 1 254:0 / / rw -",
            "27 1 254:0 / / rw - ext4",
            "27 1 254 / / rw - ext4 /dev/vda rw",
            "27 1 4294967296:0 / / rw - ext4 /dev/vda rw",
            "27 1 254:0 / /nul\\000 rw - ext4 /dev/vda rw",
            "x 1 254:0 / / rw - ext4 /dev/vda rw",
            "",
        ] {
            assert_eq!(told(line), [], "{line}");
        }
        assert_eq!(unescaped(br"\04\9\\777").unwrap().as_bytes(), br"\04\9\\777");
    }
}
