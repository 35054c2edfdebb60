//! Debian's Xen with a first domain of our own: the hypervisor, Linux as domain 0, and an initramfs of what it runs there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::process::run;

use crate::initramfs::Archive;
use crate::linux::Extra;
use crate::packages::{self, Root, damaged, first};

const PACKAGES: [&str; 9] = [
    "xen-hypervisor-4.17-amd64",
    "xen-utils-4.17",
    "xenstore-utils",
    "qemu-system-xen",
    "qemu-system-data",
    "seabios",
    "linux-image-amd64",
    "busybox-static",
    "socat",
];
/// The suites that have them.
const SUITES: [&[&str]; 1] = [&["bookworm"]];

/// Where Xen's own programs look for each other.
pub const XEN: &str = "usr/lib/xen-4.17";
const LIBRARIES: &str = "lib/x86_64-linux-gnu";
const LOADER: &str = "lib64/ld-linux-x86-64.so.2";
const BUSYBOX: &str = "bin/busybox";

/// The programs of domain 0. Each is where its package has it.
const PROGRAMS: [&str; 10] = [
    "usr/lib/xen-4.17/bin/xl",
    "usr/lib/xen-4.17/bin/xenstored",
    "usr/lib/xen-4.17/bin/xenconsoled",
    "usr/lib/xen-4.17/bin/xen-init-dom0",
    "usr/lib/xen-4.17/bin/libxl-save-helper",
    "usr/bin/xenstore-ls",
    "usr/bin/xenstore-read",
    "usr/bin/xenstore-write",
    "usr/libexec/xen-qemu-system-i386",
    "usr/bin/socat",
];

/// What its programs load, or put into domains.
const DATA: [&str; 7] = [
    "etc/xen/xl.conf",
    "usr/lib/xen-4.17/boot/hvmloader",
    "usr/share/seabios/bios-256k.bin",
    "usr/share/qemu/keymaps/en-us",
    "usr/share/qemu/kvmvapic.bin",
    "usr/share/qemu/linuxboot.bin",
    "usr/share/qemu/linuxboot_dma.bin",
];

/// The modules of domain 0's kernel, each after what it needs: Xen's devices, and virtio's for the way to the host.
const MODULES: [&str; 11] = [
    "drivers/xen/xen-evtchn.ko",
    "drivers/xen/xen-privcmd.ko",
    "drivers/xen/xen-gntdev.ko",
    "drivers/xen/xen-gntalloc.ko",
    "drivers/xen/xenfs/xenfs.ko",
    "drivers/virtio/virtio_ring.ko",
    "drivers/virtio/virtio.ko",
    "drivers/virtio/virtio_pci_legacy_dev.ko",
    "drivers/virtio/virtio_pci_modern_dev.ko",
    "drivers/virtio/virtio_pci.ko",
    "drivers/char/virtio_console.ko",
];

const UNPACK: Duration = Duration::from_secs(60);

/// Xen and its first domain, unpacked and not installed.
#[derive(Debug)]
pub struct Xen {
    root: Root,
}

impl Xen {
    /// Debian's Xen, downloaded once.
    ///
    /// # Errors
    /// When it cannot be downloaded.
    pub fn find() -> Result<Self> {
        Ok(Self { root: packages::root("xen", &SUITES, &PACKAGES)? })
    }

    /// Its version, in Debian's form.
    pub fn version(&self) -> &str {
        self.root.version_of(PACKAGES[0]).unwrap_or_default()
    }

    /// Writes the hypervisor as QEMU loads it: not compressed.
    ///
    /// # Errors
    /// When it is not there.
    pub fn write_hypervisor(&self, path: &Path) -> Result<()> {
        let packed = path.with_added_extension("gz");
        fs::copy(self.boot_file("xen-4.17-amd64.gz")?, &packed)?;
        run(Command::new("gzip").arg("--decompress").arg(packed), UNPACK)
    }

    /// The kernel of domain 0.
    ///
    /// # Errors
    /// When it is not there.
    pub fn kernel(&self) -> Result<PathBuf> {
        self.boot_file("vmlinuz-")
    }

    fn boot_file(&self, prefix: &str) -> Result<PathBuf> {
        first(&self.root.path("boot"), |name| name.starts_with(prefix))
            .with_context(|| damaged(&self.root.path(""), &format!("boot/{prefix}*")))
    }

    /// Writes what domain 0 boots into: Xen's programs, busybox, modules in /modules, and `extras`, one of which must be /init.
    ///
    /// # Errors
    /// When a file is missing.
    pub fn write_initramfs(&self, path: &Path, extras: &[Extra<'_>]) -> Result<()> {
        let mut files = BTreeMap::new();
        for program in PROGRAMS {
            let executable = self.root.executable(program)?;
            for library in executable.libraries()? {
                let name = library.file_name().context("a library has a name")?.to_string_lossy().into_owned();
                let place = if LOADER.ends_with(&name) { LOADER.into() } else { format!("{LIBRARIES}/{name}") };
                files.insert(place, library);
            }
            files.insert(program.into(), executable.program().into());
        }
        for file in DATA.into_iter().chain([BUSYBOX]) {
            files.insert(file.into(), self.root.path(file));
        }
        let modules = first(&self.root.path("lib/modules"), |_| true)
            .with_context(|| damaged(&self.root.path(""), "lib/modules"))?
            .join("kernel");
        for (index, module) in MODULES.iter().enumerate() {
            let name = module.rsplit('/').next().unwrap_or_default();
            files.insert(format!("modules/{index:02}-{name}"), modules.join(module));
        }
        let mut archive = Archive::new(BufWriter::new(File::create(path)?));
        let places = files.keys().map(String::as_str).chain(extras.iter().map(|extra| extra.path));
        add_folders(&mut archive, places)?;
        archive.character_device("/dev/console", (5, 1))?;
        for (place, file) in &files {
            let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            archive.file(place, 0o755, &content)?;
        }
        for Extra { path, mode, content } in extras {
            archive.file(path, *mode, content)?;
        }
        archive.end()?.into_inner().context("cannot write the initramfs")?;
        Ok(())
    }
}

/// Adds the folders that files are in, each after the one that it is in, and those that a system mounts on.
fn add_folders<'a>(archive: &mut Archive<impl Write>, files: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut folders: Vec<&Path> =
        ["dev", "proc", "sys", "run", "tmp", "sbin", "var/log/xen", "var/lib/xen"].map(Path::new).into();
    folders.extend(files.filter_map(|file| Path::new(file.trim_start_matches('/')).parent()));
    let mut all: Vec<_> =
        folders.iter().flat_map(|folder| folder.ancestors()).filter(|path| path.components().count() > 0).collect();
    all.sort_unstable();
    all.dedup();
    for folder in all {
        archive.directory(&folder.to_string_lossy())?;
    }
    Ok(())
}
