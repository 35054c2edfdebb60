//! A disk that boots the image as hosts boot their guests, without `-kernel`: on PCs by GRUB, from BIOS or UEFI firmware, on
//! `virt` machines by UEFI firmware and our own loader.
//!
//! BIOS's part lies between the master boot record and the first partition, UEFI's is a program on that.

mod efi;
mod grub;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nanoqga_testkit::guest::PrivateFolder;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::process::{find, run};
use nanoqga_testkit::qemu::Format;

use crate::options::Usage;

const LIMIT: Duration = Duration::from_secs(60);
const SECTOR: u64 = 512;
/// Where the partition begins, in sectors: at 1 MiB, as usual.
const PARTITION: u32 = 2048;
/// Room for the partition's own tables and folders.
const TABLES: u64 = 64 << 10;
const EFI_SYSTEM: u8 = 0xef;

/// The format called `name` on our command line, and by QEMU. `None` for `elf`, which is no disk but the program itself.
///
/// # Errors
/// When there is none; the message lists them.
pub fn format_named(name: &str) -> Result<Option<Format>> {
    match name {
        "elf" => Ok(None),
        "raw" => Ok(Some(Format::Raw)),
        "qcow2" => Ok(Some(Format::Qcow2)),
        _ => bail!("no format is called '{name}'; there are: elf, raw, qcow2"),
    }
}

/// What firmware boots.
#[derive(Debug)]
struct Bootable {
    /// What lies on the disk from its first sector on, for a BIOS. May be nothing.
    bios: Vec<u8>,
    /// UEFI's program, and its name.
    program: Vec<u8>,
    name: &'static str,
}

/// Whether a machine boots such disks.
///
/// # Errors
/// When it does not.
pub fn check(machine: &Machine) -> Result<()> {
    if machine.boots_disks() {
        return Ok(());
    }
    Err(Usage::new(format!("{machine} boots no disks")).into())
}

/// Makes a disk of `format` at `disk` that boots a machine's `image` with a command line.
///
/// # Errors
/// When the command line has characters that GRUB would not pass on, and when one of the tools fails.
pub fn make(machine: &Machine, image: &Path, append: &str, format: Format, disk: &Path) -> Result<()> {
    if !append.chars().all(|char| char == ' ' || char.is_ascii_graphic() && !r#""'\$"#.contains(char)) {
        return Err(Usage::new(format!("a boot disk cannot pass on the command line {append}")).into());
    }
    let folder = PrivateFolder::new()?;
    let bootable = match machine.architecture() {
        "x86_64" => grub::with_image(image, append, &folder)?,
        _ => efi::with_image(machine, image, append)?,
    };
    raw(&folder, &bootable)?;
    if format == Format::Qcow2 {
        tool(&folder, "qemu-img", &["convert", "-f", "raw", "-O", "qcow2", "raw", "qcow2"])?;
    }
    fs::copy(folder.path().join(format.name()), disk).with_context(|| format!("cannot write {}", disk.display()))?;
    Ok(())
}

/// The disk as the file `raw` in a folder.
fn raw(folder: &PrivateFolder, bootable: &Bootable) -> Result<()> {
    ensure!(
        bootable.bios.len() as u64 <= u64::from(PARTITION) * SECTOR,
        "GRUB and the image are too large to lie before a partition"
    );
    let sectors = (bootable.program.len() as u64 + TABLES).div_ceil(SECTOR);
    let sectors = u32::try_from(sectors).context("the image is too large")?;
    let raw = File::create(folder.path().join("raw"))?;
    raw.set_len(u64::from(PARTITION + sectors) * SECTOR)?;
    raw.write_all_at(&bootable.bios, 0)?;
    raw.write_all_at(&partition_table(sectors), 446)?;

    fs::write(folder.path().join("program"), &bootable.program)?;
    let volume = ["-i", "raw@@1M"];
    tool(folder, "mformat", &[&volume[..], &["-T", &sectors.to_string(), "-h", "1", "-s", "1", "::"]].concat())?;
    tool(folder, "mmd", &[&volume[..], &["::EFI", "::EFI/BOOT"]].concat())?;
    let place = format!("::EFI/BOOT/{}", bootable.name);
    tool(folder, "mcopy", &[&volume[..], &["program", &place]].concat())
}

/// The end of a master boot record: one partition of so many sectors, which is active and firmware's, and the signature.
/// Its cylinders, heads and sectors are left out; nobody reads them any more.
fn partition_table(sectors: u32) -> [u8; 66] {
    let mut table = [0; 66];
    table[0] = 0x80;
    table[4] = EFI_SYSTEM;
    table[8..12].copy_from_slice(&PARTITION.to_le_bytes());
    table[12..16].copy_from_slice(&sectors.to_le_bytes());
    table[64..].copy_from_slice(&[0x55, 0xaa]);
    table
}

fn tool(folder: &PrivateFolder, program: &str, arguments: &[&str]) -> Result<()> {
    let found = find(program).with_context(|| format!("{program} is not installed; `cargo xtask setup` does that"))?;
    run(Command::new(found).args(arguments).current_dir(folder.path()).env("MTOOLS_SKIP_CHECK", "1"), LIMIT)
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
