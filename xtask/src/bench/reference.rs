//! What others are measured against: Debian's kernel with BusyBox and the real qemu-ga as an initramfs. It has what it needs to
//! answer and no more: a shell script loads virtio's modules and becomes qemu-ga, on its port or else on the second serial line.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use debian::initramfs::Archive;
use debian::linux::{Kernel, Modules};
use debian::packages;
use debian::reference::QemuGa;

const DIRECTORIES: [&str; 6] = ["/bin", "/dev", "/modules", "/proc", "/sys", "/var"];

const INIT: &str = "\
#!/bin/busybox sh
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
/bin/busybox mount -t devtmpfs none /dev
for module in /modules/*; do /bin/busybox insmod $module; done
/bin/busybox ip link set lo up
for port in /sys/class/virtio-ports/*; do
    [ -e $port ] && exec /bin/qemu-ga --statedir=/var --method=virtio-serial --path=/dev/${port##*/}
done
exec /bin/qemu-ga --statedir=/var --method=isa-serial --path=/dev/ttyS1
";

/// The programs.
#[derive(Debug)]
pub(super) struct Files {
    busybox: PathBuf,
    qemu_ga: PathBuf,
    /// The shared libraries of qemu-ga and their loader: where it looks for them, and where they are here.
    libraries: Vec<(PathBuf, PathBuf)>,
}

impl Files {
    /// Those of Debian's packages.
    pub(super) fn find() -> Result<Self> {
        let busybox = packages::unpacked("busybox-static", || Ok("busybox-static".into()))?.join("bin/busybox");
        let qemu_ga = QemuGa::find()?;
        Ok(Self { busybox, libraries: qemu_ga.libraries()?, qemu_ga: qemu_ga.executable().program().into() })
    }

    /// Writes what its guest boots into.
    pub(super) fn write_initramfs(&self, path: &Path, kernel: &Kernel, modules: Modules) -> Result<()> {
        let mut archive = Archive::new(BufWriter::new(File::create(path)?));
        let mut folders: Vec<_> = DIRECTORIES.iter().map(PathBuf::from).collect();
        // A folder comes after the one that it is in.
        for folder in self.libraries.iter().filter_map(|(place, _)| place.parent()) {
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
        for (place, library) in &self.libraries {
            archive.file(&place.to_string_lossy(), 0o755, &fs::read(library)?)?;
        }
        archive.end()?.into_inner().context("cannot write the initramfs")?;
        Ok(())
    }
}
