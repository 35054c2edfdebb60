//! A disk that boots the image as hosts boot their guests, without `-kernel`: on PCs by GRUB, from BIOS or UEFI firmware, on
//! `virt` machines by UEFI firmware and our own loader.

mod efi;
mod grub;
mod layout;
mod tool;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::qemu::Format;

use self::tool::tool;
use crate::usage::usage;

/// Whether a machine boots such disks.
///
/// # Errors
/// When it does not.
pub(crate) fn check(machine: &Machine) -> Result<()> {
    if machine.boots_disks() {
        return Ok(());
    }
    Err(usage(format!("{machine} boots no disks")))
}

/// Makes a disk of `format` at `disk` that boots a machine's `image` with a command line.
///
/// # Errors
/// When the command line has characters that GRUB would not pass on, and when one of the tools fails.
pub(crate) fn make(machine: &Machine, image: &Path, append: &str, format: Format, disk: &Path) -> Result<()> {
    if !append.chars().all(|char| char == ' ' || char.is_ascii_graphic() && !r#""'\$"#.contains(char)) {
        return Err(usage(format!("a boot disk cannot pass on the command line {append}")));
    }
    let folder = PrivateFolder::new()?;
    let bootable = match machine.architecture() {
        "x86_64" => grub::with_image(image, append, &folder)?,
        _ => efi::with_image(machine, image, append)?,
    };
    fs::write(folder.path().join("raw"), layout::disk(&bootable)?)?;
    if format == Format::Qcow2 {
        tool(&folder, "qemu-img", &["convert", "-f", "raw", "-O", "qcow2", "raw", "qcow2"])?;
    }
    fs::copy(folder.path().join(format.name()), disk).with_context(|| format!("cannot write {}", disk.display()))?;
    Ok(())
}

/// Makes a raw disk at `disk` with an empty FAT volume of so many bytes on its only partition.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn make_empty(size: usize, disk: &Path) -> Result<()> {
    fs::write(disk, layout::empty_disk(size)?).with_context(|| format!("cannot write {}", disk.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grub_would_change_is_refused() {
        for append in ["hostname='a b'", "a\nboot", "$root", "\\", "é"] {
            let machine = Machine::named("q35").unwrap();
            let error = make(machine, Path::new("none"), append, Format::Raw, Path::new("none")).unwrap_err();
            assert!(error.is::<clap::Error>(), "{append}: {error}");
        }
    }

    #[test]
    fn a_microvm_boots_no_disks() {
        assert!(check(Machine::named("pc").unwrap()).is_ok());
        assert!(check(Machine::named("aarch64-virt").unwrap()).is_ok());
        assert!(check(Machine::named("microvm").unwrap()).is_err());
    }
}
