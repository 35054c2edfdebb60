//! The order in which file systems freeze: one that lies in a file of another freezes before it, because it cannot be written
//! to its disk any more when that is frozen. It thaws after it for the same reason.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::{mem, ptr};

use rustix::fd::AsRawFd;
use rustix::fs::{Mode, OFlags, open, stat};

use super::super::block::{node, of_btrfs, slaves};
use super::super::files::real_path;
use super::super::mounts::{Device, Mounted};

/// How deep devices may be stacked.
const DEEPEST: usize = 8;

/// What a file system lies on, of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Base {
    /// The file system with this number.
    Number(Device),
    /// One that cannot be told.
    Unknown,
}

/// The places of the file systems in their list, in the order in which they freeze. Of those that do not lie on one another,
/// the one that was mounted last comes first.
pub fn freezing_order(list: &[Mounted]) -> Vec<usize> {
    let bases: Vec<Vec<Base>> = list.iter().map(bases).collect();
    let numbers: Vec<Vec<Device>> = list.iter().map(numbers).collect();
    sorted(&bases, &numbers)
}

/// The same, of what each lies on and by which numbers each is known.
fn sorted(bases: &[Vec<Base>], numbers: &[Vec<Device>]) -> Vec<usize> {
    // How many file systems are below each one.
    let mut heights = vec![0usize; bases.len()];
    for _ in 0..DEEPEST {
        let height_of = |base: &Base| match base {
            Base::Number(number) => {
                let at = numbers.iter().position(|known| known.contains(number));
                at.and_then(|at| heights.get(at)).copied().unwrap_or_default()
            }
            Base::Unknown => 0,
        };
        let higher: Vec<usize> =
            bases.iter().map(|bases| bases.iter().map(|base| height_of(base) + 1).max().unwrap_or_default()).collect();
        if higher == heights {
            break;
        }
        heights = higher;
    }
    // The highest first, and of one height the last. There are few heights.
    let of_height = |height| {
        let heights = &heights;
        (0..bases.len()).rev().filter(move |place| heights.get(*place) == Some(&height))
    };
    (0..=DEEPEST).rev().flat_map(of_height).collect()
}

/// The numbers by which a loop device may name a file system: the kernel's, and for btrfs those of its subvolumes.
fn numbers(found: &Mounted) -> Vec<Device> {
    let mut numbers = Vec::from([found.number]);
    if found.kind == "btrfs" {
        let number = |device| (rustix::fs::major(device), rustix::fs::minor(device));
        numbers.extend(found.mounts.iter().filter_map(|mount| stat(&mount.point).ok()).map(|seen| number(seen.st_dev)));
    }
    numbers
}

/// What the files lie on that a file system's disk is made from, through volumes and partitions.
fn bases(found: &Mounted) -> Vec<Base> {
    let mut bases = Vec::new();
    let first = device_at(found.disk);
    let all = first.map(|first| if found.kind == "btrfs" { of_btrfs(&first) } else { Vec::from([first]) });
    let mut devices: Vec<(String, usize)> = all.into_iter().flatten().map(|device| (device, 0)).collect();
    while let Some((device, depth)) = devices.pop() {
        if depth == DEEPEST {
            bases.push(Base::Unknown);
        } else if stat(alloc::format!("{device}/partition")).is_ok() {
            devices.extend(device.rsplit_once('/').map(|(disk, _)| (disk.to_string(), depth + 1)));
        } else if stat(alloc::format!("{device}/loop/backing_file")).is_ok() {
            match node(&device).and_then(|node| below_loop(&node)) {
                None => bases.push(Base::Unknown),
                Some(Below::File(number)) => bases.push(Base::Number(number)),
                Some(Below::Device(number)) => devices.extend(device_at(number).map(|device| (device, depth + 1))),
            }
        } else {
            devices.extend(slaves(&device).into_iter().map(|slave| (slave, depth + 1)));
        }
    }
    bases
}

/// The directory of a block device, by its number.
fn device_at((major, minor): Device) -> Option<String> {
    real_path(&alloc::format!("/sys/dev/block/{major}:{minor}")).ok()
}

/// What a loop device lies on.
enum Below {
    /// A file on the file system with this number.
    File(Device),
    /// Another block device.
    Device(Device),
}

/// What a loop device lies on. The path in sysfs may be gone, or another file's by now.
fn below_loop(node: &str) -> Option<Below> {
    const LOOP_GET_STATUS64: libc::c_ulong = 0x4C05;
    /// `struct loop_info64` of `linux/loop.h`, of which only the first members are used.
    #[repr(C)]
    struct Status {
        /// That of the file system with the file.
        device: u64,
        inode: u64,
        /// That of the file itself, if it is a device.
        file_device: u64,
        rest: [u64; 26],
    }
    let device = open(node, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()).ok()?;
    // SAFETY: It is numbers, which may be zero.
    let mut status: Status = unsafe { mem::zeroed() };
    // SAFETY: The kernel writes one structure, of 232 bytes, which this is.
    let outcome = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_GET_STATUS64 as _, ptr::from_mut(&mut status)) };
    let number = |device| (rustix::fs::major(device), rustix::fs::minor(device));
    (outcome == 0).then(|| match status.file_device {
        0 => Below::File(number(status.device)),
        device => Below::Device(number(device)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(bases: &[&[Base]]) -> Vec<usize> {
        let bases: Vec<Vec<Base>> = bases.iter().map(|bases| bases.to_vec()).collect();
        let numbers: Vec<Vec<Device>> =
            (0..bases.len()).map(|place| Vec::from([(8, u32::try_from(place).unwrap())])).collect();
        sorted(&bases, &numbers)
    }

    #[test]
    fn the_last_mount_freezes_first_where_none_lies_on_another() {
        assert_eq!(order(&[&[], &[], &[]]), [2, 1, 0]);
        assert_eq!(order(&[]), []);
    }

    #[test]
    fn what_lies_in_a_file_freezes_before_the_file_system_that_has_it() {
        let on = |minor| Base::Number((8, minor));
        // The loop is listed before its base: that was unmounted lazily and mounted again.
        assert_eq!(order(&[&[on(1)], &[], &[]]), [0, 2, 1]);
        // A loop in a loop in a loop.
        assert_eq!(order(&[&[on(1)], &[on(2)], &[on(3)], &[]]), [0, 1, 2, 3]);
        assert_eq!(order(&[&[], &[on(0)], &[on(1)], &[on(0)]]), [2, 3, 1, 0]);
    }

    #[test]
    fn what_lies_on_something_unknown_freezes_before_all_that_does_not() {
        assert_eq!(order(&[&[Base::Unknown], &[], &[Base::Number((9, 9))], &[]]), [2, 0, 3, 1]);
    }

    #[test]
    fn what_lies_on_itself_has_an_order_too() {
        let on = |minor| Base::Number((8, minor));
        assert_eq!(order(&[&[on(1)], &[on(0)], &[]]).len(), 3);
    }
}
