//! The mounts of `/proc/self/mountinfo` (proc_pid_mountinfo(5)) that are on a disk.

use alloc::ffi::CString;
use alloc::string::String;
use alloc::vec::Vec;

use nanoqga::Failure;

use super::errno::failed;
use super::files::read_file;

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted, for the kernel.
    pub point: CString,
    /// Where it is mounted, for people.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// The major and minor number of its device.
    pub device: (u32, u32),
}

/// All file systems on disks, in the order of mounting.
pub fn mounts() -> Result<Vec<Mount>, Failure> {
    let bytes = read_file("/proc/self/mountinfo").map_err(|error| failed("failed to read the mounts", error))?;
    Ok(all(&bytes, &device_of))
}

/// A file system that is mounted again, all or part of it, is there as it was mounted first.
fn all(bytes: &[u8], device_of: &dyn Fn(&CString) -> Option<(u32, u32)>) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for mount in bytes.split(|byte| *byte == b'\n').filter_map(|line| parse(line, device_of)) {
        if mounts.iter().all(|other| other.device != mount.device) {
            mounts.push(mount);
        }
    }
    mounts
}

/// The number of the block device at a path.
fn device_of(path: &CString) -> Option<(u32, u32)> {
    let found = rustix::fs::stat(path).ok()?;
    let is_device = rustix::fs::FileType::from_raw_mode(found.st_mode) == rustix::fs::FileType::BlockDevice;
    is_device.then(|| (rustix::fs::major(found.st_rdev), rustix::fs::minor(found.st_rdev)))
}

/// A line: number, parent, device, root, mount point, options, more options up to a hyphen, type, source. A file system on no
/// disk has major number 0; so has btrfs, which may be on several, and names one of them.
pub fn parse(line: &[u8], device_of: &dyn Fn(&CString) -> Option<(u32, u32)>) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let device = core::str::from_utf8(words.nth(2)?).ok()?;
    let point = unescaped(words.nth(1)?)?;
    let mut words = words.skip_while(|word| *word != b"-").skip(1);
    let kind = String::from_utf8_lossy(words.next()?).into_owned();
    let source = words.next()?;
    let (major, minor) = device.split_once(':')?;
    let mut device = (major.parse().ok()?, minor.parse().ok()?);
    if device.0 == 0 {
        if kind != "btrfs" {
            return None;
        }
        device = device_of(&unescaped(source)?)?;
    }
    let name = String::from_utf8_lossy(point.as_bytes()).into_owned();
    Some(Mount { point, name, kind, device })
}

/// A path whose blanks and backslashes are written as `\` and three octal digits.
fn unescaped(path: &[u8]) -> Option<CString> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<(String, String, (u32, u32))> {
        let device_of = |path: &CString| (path.as_bytes() == b"/dev/a disk").then_some((8, 1));
        parse(line.as_bytes(), &device_of).map(|mount| (mount.name, mount.kind, mount.device))
    }

    #[test]
    fn a_mount_on_a_disk_is_told_with_its_device() {
        let root = parsed("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard").unwrap();
        assert_eq!(root, ("/".into(), "ext4".into(), (254, 0)));
        let shared =
            parsed(r"36 35 98:0 /mnt1 /mnt/two\040words\134 rw master:1 shared:2 - ext3 /dev/root rw").unwrap();
        assert_eq!(shared, (r"/mnt/two words\".into(), "ext3".into(), (98, 0)));
    }

    #[test]
    fn btrfs_is_on_the_disk_that_it_names() {
        let line = r"40 27 0:35 / /data rw - btrfs /dev/a\040disk rw";
        assert_eq!(parsed(line).unwrap(), ("/data".into(), "btrfs".into(), (8, 1)));
        assert_eq!(parsed("40 27 0:35 / /data rw - btrfs /dev/none rw"), None);
    }

    #[test]
    fn a_file_system_is_told_once_where_it_was_mounted_first() {
        let lines = "27 1 254:0 / / rw - ext4 /dev/vda rw\n42 27 254:0 /a /a rw - ext4 /dev/vda rw\n\
            43 27 254:1 / /b rw - ext4 /dev/vdb rw\n44 27 254:0 / /c rw - ext4 /dev/vda rw\n";
        let names: Vec<String> = all(lines.as_bytes(), &|_| None).into_iter().map(|mount| mount.name).collect();
        assert_eq!(names, ["/", "/b"]);
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
            "",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
        assert_eq!(unescaped(br"\04\9\\777").unwrap().as_bytes(), br"\04\9\\777");
    }
}
