//! The newest libvirt that Debian has, and a QEMU with which it runs: a folder that its daemon takes for `/`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages::{self, Root};

/// The daemon, its driver for QEMU, virsh, and what guests need. libvirt asks QEMU's programs for other machines what they can do, too.
const PACKAGES: [&str; 11] = [
    "libvirt-daemon",
    "libvirt-daemon-driver-qemu",
    "libvirt-daemon-log",
    "libvirt-clients",
    "qemu-system-x86",
    "qemu-system-arm",
    "qemu-system-riscv",
    "qemu-utils",
    "ipxe-qemu",
    "opensbi",
    "qemu-efi-aarch64",
];
/// The suites that have them.
const SUITES: [&[&str]; 1] = [&["sid"]];

/// What installing the packages would write, and what a machine like a container needs: QEMU runs as root, and has nothing around it that
/// keeps it from files.
const FILES: [(&str, &str); 4] = [
    ("etc/passwd", "root:x:0:0::/root:/bin/sh\nlibvirt-qemu:x:64055:64055::/:/bin/false\n"),
    ("etc/group", "root:x:0:\nlibvirt-qemu:x:64055:\n"),
    ("etc/libvirt/libvirtd.conf", "auth_unix_rw = \"none\"\n"),
    (
        "etc/libvirt/qemu.conf",
        "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\nnamespaces = []\ncgroup_controllers = []\n",
    ),
];

/// Where it finds the devices, processes and files of the machine that it runs on.
const MOUNTED: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];

/// Debian's newest libvirt, downloaded once.
#[derive(Clone, Debug)]
pub struct Libvirt(Root);

impl Libvirt {
    /// Downloads it where it is missing.
    ///
    /// # Errors
    /// When it cannot be downloaded.
    pub fn newest() -> Result<Self> {
        let root = packages::root("libvirt", &SUITES, &PACKAGES)?;
        for folder in MOUNTED {
            fs::create_dir_all(root.path(folder))?;
        }
        for (path, content) in FILES {
            let file = root.path(path);
            // A daemon may read it now.
            if fs::read_to_string(&file).ok().as_deref() != Some(content) {
                fs::write(file, content)?;
            }
        }
        Ok(Self(root))
    }

    /// Its version, in Debian's form, and QEMU's.
    ///
    /// # Errors
    /// When one is missing.
    pub fn versions(&self) -> Result<[&str; 2]> {
        let version = |package| self.0.version_of(package).with_context(|| format!("{package} has no version"));
        Ok([version(PACKAGES[0])?, version(PACKAGES[4])?])
    }

    /// The folder that is `/` to its daemon.
    pub fn folder(&self) -> PathBuf {
        self.0.path("")
    }

    /// virsh, which runs as it is.
    ///
    /// # Errors
    /// When it is missing.
    pub fn virsh(&self) -> Result<Command> {
        self.0.command("virsh")
    }
}
