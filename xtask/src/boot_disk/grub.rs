//! What a PC's firmware boots: Debian's GRUB, put together with the image in its memory disk, once for each firmware. There is
//! no file system that GRUB would have to read, and nothing is installed on this machine.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::folder::PrivateFolder;

use super::layout::{Bootable, SECTOR};
use super::tool::tool;

/// GRUB's first stage, which loads what follows it on the disk.
const BOOT_SECTOR: &str = "/usr/lib/grub/i386-pc/boot.img";

/// GRUB for a BIOS and for UEFI firmware, each with an image and its command line in it.
pub(super) fn with_image(image: &Path, append: &str, folder: &PrivateFolder) -> Result<Bootable> {
    let within = |name: &str| folder.path().join(name);
    fs::copy(image, within("image"))?;
    fs::write(within("grub.cfg"), format!("multiboot2 (memdisk)/image {append}\nboot\n"))?;
    // The archive has nothing of who makes it, and when: the same image makes the same disk.
    let owner = ["--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwx,go=rx", "--format=ustar"];
    tool(folder, "tar", &[&owner[..], &["-cf", "memory-disk", "image"]].concat())?;
    grub(folder, "i386-pc", "bios", &["biosdisk"])?;
    grub(folder, "x86_64-efi", "uefi", &[])?;
    Ok(Bootable {
        bios: [boot_sector()?, fs::read(within("bios"))?].concat(),
        program: fs::read(within("uefi"))?,
        name: "BOOTX64.EFI",
    })
}

/// GRUB for a firmware, with the image and its command line in it, and `modules` beside those that load it.
fn grub(folder: &PrivateFolder, platform: &str, output: &str, modules: &[&str]) -> Result<()> {
    let how = ["-O", platform, "-c", "grub.cfg", "-m", "memory-disk", "-p", "(memdisk)", "-o", output];
    tool(folder, "grub-mkimage", &[&how[..], &["memdisk", "tar", "multiboot2"], modules].concat())
}

/// GRUB's first stage as Debian has it: it loads what begins in the next sector.
fn boot_sector() -> Result<Vec<u8>> {
    let sector =
        fs::read(BOOT_SECTOR).with_context(|| format!("cannot read {BOOT_SECTOR}; `cargo xtask setup` helps"))?;
    ensure!(
        sector.len() == SECTOR,
        "{BOOT_SECTOR} has {} bytes, and a sector {SECTOR}: install Debian's grub-pc-bin again",
        sector.len()
    );
    Ok(sector)
}
