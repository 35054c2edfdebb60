//! A disk that boots the image as hosts boot their guests, without `-kernel`: on PCs by GRUB, from BIOS or UEFI firmware, on
//! `virt` machines by UEFI firmware and our own loader.

mod efi;
mod grub;
mod layout;
mod tool;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::guest::PrivateFolder;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::qemu::Format;

use self::tool::tool;
use crate::options::Usage;

/// The format called `name` on our command line, and by QEMU. `None` for `elf`, which is no disk but the program itself.
///
/// # Errors
/// When there is none; the message lists them.
pub(crate) fn format_named(name: &str) -> Result<Option<Format>> {
    match name {
        "elf" => Ok(None),
        "raw" => Ok(Some(Format::Raw)),
        "qcow2" => Ok(Some(Format::Qcow2)),
        _ => bail!("no format is called '{name}'; there are: elf, raw, qcow2"),
    }
}

/// Whether a machine boots such disks.
///
/// # Errors
/// When it does not.
pub(crate) fn check(machine: &Machine) -> Result<()> {
    if machine.boots_disks() {
        return Ok(());
    }
    Err(Usage::new(format!("{machine} boots no disks")).into())
}

/// Makes a disk of `format` at `disk` that boots a machine's `image` with a command line.
///
/// # Errors
/// When the command line has characters that GRUB would not pass on, and when one of the tools fails.
pub(crate) fn make(machine: &Machine, image: &Path, append: &str, format: Format, disk: &Path) -> Result<()> {
    if !append.chars().all(|char| char == ' ' || char.is_ascii_graphic() && !r#""'\$"#.contains(char)) {
        return Err(Usage::new(format!("a boot disk cannot pass on the command line {append}")).into());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_gets_a_message_with_the_known_ones() {
        let error = format_named("vhd").unwrap_err().to_string();
        assert_eq!(error, "no format is called 'vhd'; there are: elf, raw, qcow2");
    }

    #[test]
    fn what_grub_would_change_is_refused() {
        for append in ["hostname='a b'", "a\nboot", "$root", "\\", "é"] {
            let machine = Machine::named("q35").unwrap();
            let error = make(machine, Path::new("none"), append, Format::Raw, Path::new("none")).unwrap_err();
            assert!(error.is::<Usage>(), "{append}: {error}");
        }
    }

    #[test]
    fn a_microvm_boots_no_disks() {
        assert!(check(Machine::named("pc").unwrap()).is_ok());
        assert!(check(Machine::named("aarch64-virt").unwrap()).is_ok());
        assert!(check(Machine::named("microvm").unwrap()).is_err());
    }
}
