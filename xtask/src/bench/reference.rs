//! What others are measured against: Debian's kernel with BusyBox and the real qemu-ga as an initramfs. It has what it needs to
//! answer and no more: a shell script loads virtio's modules and becomes qemu-ga.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::process::{find, output};

use crate::cpio::Archive;
use crate::debian;
use crate::linux::{Kernel, Modules};

const QUESTION: Duration = Duration::from_secs(60);

const DIRECTORIES: [&str; 6] = ["/bin", "/dev", "/modules", "/proc", "/sys", "/var"];

const INIT: &str = "\
#!/bin/busybox sh
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
/bin/busybox mount -t devtmpfs none /dev
for module in /modules/*; do /bin/busybox insmod $module; done
/bin/busybox ip link set lo up
for port in /sys/class/virtio-ports/*; do
    exec /bin/qemu-ga --statedir=/var --method=virtio-serial --path=/dev/${port##*/}
done
";

/// The programs.
#[derive(Debug)]
pub(super) struct Files {
    busybox: PathBuf,
    qemu_ga: PathBuf,
    /// The shared libraries of qemu-ga and their loader, as it looks for them.
    libraries: Vec<PathBuf>,
}

impl Files {
    /// Those of Debian's packages; qemu-ga is the one that is installed here.
    pub(super) fn find() -> Result<Self> {
        let busybox = debian::unpacked("busybox-static", || Ok("busybox-static".into()))?.join("bin/busybox");
        let qemu_ga = find("qemu-ga").context("qemu-ga is not installed; `cargo xtask setup` does that")?;
        let said = output(Command::new("ldd").arg(&qemu_ga), QUESTION)?;
        let libraries: Vec<_> =
            said.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/'))).collect();
        ensure!(!libraries.is_empty(), "ldd names no library of qemu-ga: {said}");
        Ok(Self { busybox, qemu_ga, libraries: libraries.into_iter().map(PathBuf::from).collect() })
    }

    /// Writes what its guest boots into.
    pub(super) fn write_initramfs(&self, path: &Path, kernel: &Kernel, modules: Modules) -> Result<()> {
        let mut archive = Archive::new(BufWriter::new(File::create(path)?));
        let mut folders: Vec<_> = DIRECTORIES.iter().map(PathBuf::from).collect();
        // A folder comes after the one that it is in.
        for folder in self.libraries.iter().filter_map(|library| library.parent()) {
            let mut above: Vec<_> = folder.ancestors().filter(|folder| folder.parent().is_some()).collect();
            above.reverse();
            folders.extend(above.into_iter().map(Path::to_path_buf));
        }
        let mut made: Vec<PathBuf> = Vec::new();
        for folder in folders {
            if !made.contains(&folder) {
                archive.directory(&folder.to_string_lossy())?;
                made.push(folder);
            }
        }
        archive.character_device("/dev/console", (5, 1))?;
        kernel.add_modules(&mut archive, modules)?;
        archive.file("/init", 0o755, INIT.as_bytes())?;
        archive.file("/bin/busybox", 0o755, &fs::read(&self.busybox)?)?;
        archive.file("/bin/qemu-ga", 0o755, &fs::read(&self.qemu_ga)?)?;
        for library in &self.libraries {
            archive.file(&library.to_string_lossy(), 0o755, &fs::read(library)?)?;
        }
        archive.end()?.into_inner().context("cannot write the initramfs")?;
        Ok(())
    }
}
