//! A disk that boots the image as hosts boot their guests, without `-kernel`: by GRUB, from BIOS or UEFI firmware.
//!
//! Debian's GRUB is put together with the image in its memory disk, once for each firmware: there is no file system that
//! GRUB would have to read, and nothing is installed on this machine. The BIOS's GRUB lies between the master boot record and
//! the first partition, UEFI's is a program on that.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::guest::PrivateFolder;
use crate::machine::Machine;
use crate::options::Usage;
use crate::process::{find, run};

const LIMIT: Duration = Duration::from_secs(60);
/// GRUB's first stage, which loads what follows it on the disk.
const BOOT_SECTOR: &str = "/usr/lib/grub/i386-pc/boot.img";
const SECTOR: u64 = 512;
/// Where the partition begins, in sectors: at 1 MiB, as usual.
const PARTITION: u32 = 2048;
/// Room for the partition's own tables and folders.
const TABLES: u64 = 64 << 10;
const EFI_SYSTEM: u8 = 0xef;

/// What a disk is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A disk, byte for byte.
    Raw,
    /// A disk in QEMU's own format.
    Qcow2,
}

impl Format {
    /// The format called `name` on our command line, and by QEMU. `None` for `elf`, which is no disk but the program itself.
    ///
    /// # Errors
    /// When there is none; the message lists them.
    pub fn named(name: &str) -> Result<Option<Self>> {
        match name {
            "elf" => Ok(None),
            "raw" => Ok(Some(Self::Raw)),
            "qcow2" => Ok(Some(Self::Qcow2)),
            _ => bail!("no format is called '{name}'; there are: elf, raw, qcow2"),
        }
    }

    /// Its name, which is also what its files' names end with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// Whether a machine boots such disks.
///
/// # Errors
/// When it does not.
pub fn check(machine: &Machine) -> Result<()> {
    match machine.name {
        "q35" | "pc" => Ok(()),
        _ => Err(Usage::new(format!("{machine} boots no disks; q35 and pc do")).into()),
    }
}

/// Makes a disk of `format` at `disk` that boots `image` with a command line.
///
/// # Errors
/// When the command line has characters that GRUB would not pass on, and when one of the tools fails.
pub fn make(image: &Path, append: &str, format: Format, disk: &Path) -> Result<()> {
    if !append.chars().all(|char| char == ' ' || char.is_ascii_graphic() && !r#""'\$"#.contains(char)) {
        return Err(Usage::new(format!("a boot disk cannot pass on the command line {append}")).into());
    }
    let folder = PrivateFolder::new()?;
    let within = |name: &str| folder.path().join(name);
    fs::copy(image, within("image"))?;
    fs::write(within("grub.cfg"), format!("multiboot2 (memdisk)/image {append}\nboot\n"))?;
    tool(&folder, "tar", &["-cf", "memory-disk", "image"])?;
    grub(&folder, "i386-pc", "bios", &["biosdisk"])?;
    grub(&folder, "x86_64-efi", "uefi", &[])?;

    let bios = [boot_sector()?, fs::read(within("bios"))?].concat();
    ensure!(
        bios.len() as u64 <= u64::from(PARTITION) * SECTOR,
        "GRUB and the image are too large to lie before a partition"
    );
    let sectors = (fs::metadata(within("uefi"))?.len() + TABLES).div_ceil(SECTOR);
    let sectors = u32::try_from(sectors).context("the image is too large")?;
    let raw = File::create(within("raw"))?;
    raw.set_len(u64::from(PARTITION + sectors) * SECTOR)?;
    raw.write_all_at(&bios, 0)?;
    raw.write_all_at(&partition_table(sectors), 446)?;

    let volume = ["-i", "raw@@1M"];
    tool(&folder, "mformat", &[&volume[..], &["-T", &sectors.to_string(), "-h", "1", "-s", "1", "::"]].concat())?;
    tool(&folder, "mmd", &[&volume[..], &["::EFI", "::EFI/BOOT"]].concat())?;
    tool(&folder, "mcopy", &[&volume[..], &["uefi", "::EFI/BOOT/BOOTX64.EFI"]].concat())?;
    if format == Format::Qcow2 {
        tool(&folder, "qemu-img", &["convert", "-f", "raw", "-O", "qcow2", "raw", "qcow2"])?;
    }
    fs::copy(within(format.name()), disk).with_context(|| format!("cannot write {}", disk.display()))?;
    Ok(())
}

/// GRUB for a firmware, with the image and its command line in it, and `modules` beside those that load it.
fn grub(folder: &PrivateFolder, platform: &str, output: &str, modules: &[&str]) -> Result<()> {
    let how = ["-O", platform, "-c", "grub.cfg", "-m", "memory-disk", "-p", "(memdisk)", "-o", output];
    tool(folder, "grub-mkimage", &[&how[..], &["memdisk", "tar", "multiboot2"], modules].concat())
}

/// As GRUB has it, it loads what begins in the sector after it.
fn boot_sector() -> Result<Vec<u8>> {
    let sector =
        fs::read(BOOT_SECTOR).with_context(|| format!("cannot read {BOOT_SECTOR}; `cargo xtask setup` helps"))?;
    ensure!(sector.len() as u64 == SECTOR, "{BOOT_SECTOR} is no sector");
    Ok(sector)
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
        let error = Format::named("vhd").unwrap_err().to_string();
        assert_eq!(error, "no format is called 'vhd'; there are: elf, raw, qcow2");
    }

    #[test]
    fn what_grub_would_change_is_refused() {
        for append in ["hostname='a b'", "a\nboot", "$root", "\\", "é"] {
            let error = make(Path::new("none"), append, Format::Raw, Path::new("none")).unwrap_err();
            assert!(error.is::<Usage>(), "{append}: {error}");
        }
    }

    #[test]
    fn only_pcs_boot_disks() {
        assert!(check(Machine::named("pc").unwrap()).is_ok());
        assert!(check(Machine::named("microvm").unwrap()).is_err());
    }
}
