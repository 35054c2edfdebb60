//! The images without an operating system, and disks that firmware boots them from.

use std::fs;
use std::path::Path;

use anyhow::Result;
use nanoqga_testkit::machine::{MACHINES, Machine};
use nanoqga_testkit::progress::step;
use nanoqga_testkit::qemu::Format;

use super::bill::Bill;
use crate::image::{self, APPLIANCE, APPLIANCE_XEN, EFI_LOADER, NANO, NANO_XEN};
use crate::targets;
use crate::{boot_disk, setup};

/// Debian's packages of GRUB that a disk for x86_64 has parts of.
const GRUB: [&str; 2] = ["grub-pc-bin", "grub-efi-amd64-bin"];

/// Writes the images of an architecture to a folder, each with a disk, and their bills. There are none for some architectures of Linux.
///
/// # Errors
/// When an image cannot be built, or a tool is missing.
pub(super) fn write(architecture: &str, date: &str, folder: &Path) -> Result<()> {
    let fits = |machine: &&Machine| machine.architecture() == architecture && machine.boots_disks();
    let Some(machine) = MACHINES.iter().find(fits) else { return Ok(()) };
    setup::boot_disks()?;
    let target = targets::target(machine);
    for profile in [&NANO, &APPLIANCE, &NANO_XEN, &APPLIANCE_XEN].into_iter().filter(|it| it.is_for(architecture)) {
        let image = folder.join(format!("{}-{architecture}", profile.name));
        fs::copy(image::build(target, profile)?, &image)?;
        let mut bill = Bill::default();
        bill.program(profile, target)?;
        bill.write(&image, date)?;

        let disk = image.with_extension(Format::Qcow2.name());
        step(&format!("Writing a disk of {} for {architecture}", profile.name), || {
            boot_disk::make(machine, &image, "", Format::Qcow2, &disk)
        })?;
        match architecture {
            "x86_64" => GRUB.iter().try_for_each(|package| bill.debian(package, "GPL-3.0-or-later"))?,
            _ => bill.program(&EFI_LOADER, target)?,
        }
        bill.write(&disk, date)?;
    }
    Ok(())
}
