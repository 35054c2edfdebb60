//! What domains boot, as files of domain 0.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use debian::initramfs::Archive;
use debian::linux::{Extra, Kernel};
use debian::packages::unpacked;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::qemu::Format;
use tests::images::{self, Profile, boot_disk, image, linux_agent};

pub const LINUX: &str = "/domains/linux";
pub const INITRAMFS: &str = "/domains/initramfs";
pub const NANO_XEN: &str = "/domains/nano-xen";
pub const APPLIANCE_XEN: &str = "/domains/appliance-xen";
pub const NANO_XEN_DISK: &str = "/domains/nano-xen.raw";
pub const NANO_DISK: &str = "/domains/nano.raw";
pub const APPLIANCE_DISK: &str = "/domains/appliance.raw";

/// The images for domains without devices, and the most bytes that each may have.
static KERNELS: [(&str, &Profile, usize); 2] =
    [(NANO_XEN, &images::NANO_XEN, 64 << 10), (APPLIANCE_XEN, &images::APPLIANCE_XEN, 328 << 10)];

/// The disks, and what each boots.
static DISKS: [(&str, &Profile); 3] =
    [(NANO_XEN_DISK, &images::NANO_XEN), (NANO_DISK, &images::NANO), (APPLIANCE_DISK, &images::APPLIANCE)];

/// All of them. `folder` is for what is made on the way.
pub fn domains(folder: &Path) -> Result<Vec<Extra<'static>>> {
    let file = |path, content| Extra { path, mode: 0o644, content };
    let mut files = vec![file(LINUX, fs::read(Kernel::find()?.image())?), file(INITRAMFS, initramfs()?)];
    let machine = Machine::named("pc")?;
    for (place, profile, most) in KERNELS {
        let kernel = fs::read(image(machine, profile)?)?;
        ensure!(kernel.len() <= most, "{} has {} bytes", profile.name, kernel.len());
        files.push(file(place, kernel));
    }
    for (place, profile) in DISKS {
        let disk = folder.join(profile.name);
        boot_disk(machine, &image(machine, profile)?, "hostname=domain", Format::Raw, &disk)?;
        files.push(file(place, fs::read(disk)?));
    }
    Ok(files)
}

/// The agent as the first process, and the programs that Linux runs when Xen's tools have a domain shut down or restart.
fn initramfs() -> Result<Vec<u8>> {
    let mut archive = Archive::new(Vec::new());
    for folder in ["/dev", "/bin", "/sbin"] {
        archive.directory(folder)?;
    }
    archive.character_device("/dev/console", (5, 1))?;
    let busybox = unpacked("busybox-static", || Ok("busybox-static".into()))?.join("bin/busybox");
    archive.file("/bin/busybox", 0o755, &fs::read(busybox)?)?;
    archive.file("/sbin/poweroff", 0o755, b"#!/bin/busybox sh\nkill -TERM 1\n")?;
    archive.file("/sbin/reboot", 0o755, b"#!/bin/busybox sh\nkill -INT 1\n")?;
    archive.file("/init", 0o755, &fs::read(linux_agent()?)?)?;
    Ok(archive.end()?)
}
