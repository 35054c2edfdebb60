//! What domains boot, as files of domain 0.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use debian::initramfs::Archive;
use debian::linux::{Extra, Kernel};
use debian::packages::unpacked;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::qemu::Format;
use tests::images::{NANO, boot_disk, image, linux_agent};

pub const LINUX: &str = "/domains/linux";
pub const INITRAMFS: &str = "/domains/initramfs";
pub const NANO_XEN: &str = "/domains/nano-xen";
pub const NANO_DISK: &str = "/domains/nano";

/// The most that nano-xen may have.
const NANO_BYTES: usize = 64 << 10;

/// All of them. `folder` is for what is made on the way.
pub fn domains(folder: &Path) -> Result<Vec<Extra<'static>>> {
    let file = |path, content| Extra { path, mode: 0o644, content };
    let mut files = vec![file(LINUX, fs::read(Kernel::find()?.image())?), file(INITRAMFS, initramfs()?)];
    let machine = Machine::named("pc")?;
    let nano = fs::read(image(machine, &tests::images::NANO_XEN)?)?;
    ensure!(nano.len() <= NANO_BYTES, "nano-xen has {} bytes", nano.len());
    files.push(file(NANO_XEN, nano));
    let disk = folder.join(NANO.name);
    boot_disk(machine, &image(machine, &NANO)?, "hostname=domain", Format::Raw, &disk)?;
    files.push(file(NANO_DISK, fs::read(disk)?));
    Ok(files)
}

/// The agent as the first process, and the program that Linux runs when Xen's tools have a domain shut down.
fn initramfs() -> Result<Vec<u8>> {
    let mut archive = Archive::new(Vec::new());
    for folder in ["/dev", "/bin", "/sbin"] {
        archive.directory(folder)?;
    }
    archive.character_device("/dev/console", (5, 1))?;
    let busybox = unpacked("busybox-static", || Ok("busybox-static".into()))?.join("bin/busybox");
    archive.file("/bin/busybox", 0o755, &fs::read(busybox)?)?;
    archive.file("/sbin/poweroff", 0o755, b"#!/bin/busybox sh\nkill -TERM 1\n")?;
    archive.file("/init", 0o755, &fs::read(linux_agent()?)?)?;
    Ok(archive.end()?)
}
