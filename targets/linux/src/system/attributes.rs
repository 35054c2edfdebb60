//! What a file has beside its bytes, kept for the file that takes its place: owner, mode, and extended attributes such as an
//! SELinux label or an ACL.

use alloc::vec::Vec;

use rustix::buffer::spare_capacity;
use rustix::fd::AsFd;
use rustix::fs::{Mode, XattrFlags, fchmod, fchown, fgetxattr, flistxattr, fsetxattr, fstat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

/// The longest list of attributes, and the longest attribute (xattr(7)).
const LONGEST: usize = 64 << 10;

/// Gives a file what another one has.
pub fn keep_attributes(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    let found = fstat(&from)?;
    fchown(&to, Some(Uid::from_raw(found.st_uid)), Some(Gid::from_raw(found.st_gid)))?;
    fchmod(&to, Mode::from_raw_mode(found.st_mode))?;
    keep_extended_attributes(from, to)
}

/// Gives a file the extended attributes of another one.
pub fn keep_extended_attributes(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    let mut names: Vec<u8> = Vec::with_capacity(LONGEST);
    match flistxattr(&from, spare_capacity(&mut names)) {
        Err(Errno::OPNOTSUPP) => return Ok(()),
        outcome => outcome?,
    };
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value: Vec<u8> = Vec::with_capacity(LONGEST);
        fgetxattr(&from, name, spare_capacity(&mut value))?;
        fsetxattr(&to, name, &value, XattrFlags::empty())?;
    }
    Ok(())
}
