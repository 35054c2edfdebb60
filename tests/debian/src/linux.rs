//! An agent as the first process of a guest: Debian's kernel, an initramfs with that one program, and nothing else.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Bus, Channel, Machine};
use nanoqga_testkit::qemu::Config;

use crate::initramfs::Archive;
use crate::packages::{self, damaged, first};

/// The end of what a verbose agent says when it has opened its serial line.
const LISTENING: &str = "serving /dev/ttyS1";

/// Depends on the newest kernel that Debian makes for virtual machines.
const KERNEL: &str = "linux-image-cloud-amd64";

/// What that kernel has not built in, each after what it needs: virtio, its two buses, the agent's port, and more devices.
const VIRTIO: [&str; 2] = ["drivers/virtio/virtio_ring.ko", "drivers/virtio/virtio.ko"];
const PCI: [&str; 3] = [
    "drivers/virtio/virtio_pci_legacy_dev.ko",
    "drivers/virtio/virtio_pci_modern_dev.ko",
    "drivers/virtio/virtio_pci.ko",
];
const MMIO: [&str; 1] = ["drivers/virtio/virtio_mmio.ko"];
const PORT: [&str; 1] = ["drivers/char/virtio_console.ko"];
const DISKS: [&str; 2] = ["drivers/block/virtio_blk.ko", "drivers/block/loop.ko"];
const NETWORK: [&str; 3] = ["net/core/failover.ko", "drivers/net/net_failover.ko", "drivers/net/virtio_net.ko"];

/// Which modules a guest has, beside those of the agent's port.
#[derive(Clone, Copy, Debug)]
pub struct Modules {
    /// Where its virtio devices are.
    pub bus: Bus,
    /// Those of disks.
    pub disks: bool,
    /// Those of network cards.
    pub network: bool,
}

/// A kernel and its modules.
#[derive(Clone, Debug)]
pub struct Kernel {
    image: PathBuf,
    modules: PathBuf,
}

/// A file beside the agent in the initramfs.
#[derive(Debug)]
pub struct Extra<'a> {
    /// Where. The directories above it must be among those that every initramfs has.
    pub path: &'a str,
    /// Its permissions.
    pub mode: u32,
    /// What is in it.
    pub content: Vec<u8>,
}

/// What brings BusyBox into a guest.
///
/// # Errors
/// When it cannot be downloaded.
pub fn busybox() -> Result<Extra<'static>> {
    let file = packages::unpacked("busybox-static", || Ok("busybox-static".into()))?.join("bin/busybox");
    let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Extra { path: "/bin/busybox", mode: 0o755, content })
}

/// A guest with that kernel, whose first process is `agent`, on `channel`. `initramfs` is where the file is made that it boots
/// from.
///
/// # Errors
/// When there is no kernel.
pub fn config(agent: &Path, channel: Channel, initramfs: &Path, extras: &[Extra<'_>]) -> Result<Config> {
    config_on(Machine::named("q35")?, &Kernel::find()?, agent, channel, initramfs, extras)
}

/// The same, with another machine and a kernel for it.
///
/// # Errors
/// When a file cannot be read or written.
pub fn config_on(
    machine: &'static Machine,
    kernel: &Kernel,
    agent: &Path,
    channel: Channel,
    initramfs: &Path,
    extras: &[Extra<'_>],
) -> Result<Config> {
    let modules = Modules { bus: machine.bus, disks: true, network: false };
    kernel.write_initramfs(initramfs, agent, modules, extras)?;
    let mut config = Config::new(machine, channel, &kernel.image);
    config.initramfs = Some(initramfs.into());
    config.memory_kib = 96 << 10;
    let method = match channel {
        Channel::Virtio | Channel::VirtioModern => "",
        Channel::Com2 => " -m isa-serial -p /dev/ttyS1 -v",
        Channel::Com1 => " -m isa-serial -p /dev/ttyS0",
        Channel::Console => " -m virtio-serial -p /dev/hvc0",
    };
    let console = match machine.architecture() {
        _ if !config.has_console() => "",
        "aarch64" => "console=ttyAMA0 ",
        _ => "console=ttyS0 ",
    };
    // The kernel waits so briefly for the timer's interrupt that a busy host may look like a broken one.
    config.append = format!("{console}quiet panic=-1 no_timer_check -- --modules /modules{method}");
    Ok(config)
}

/// Waits until a guest's agent listens, where the host must: Linux throws away what comes over a serial line that no process
/// has open. The agent says so on its console, if it is verbose.
///
/// # Errors
/// When it does not before the deadline.
pub fn listens(guest: &Guest, channel: Channel, deadline: Deadline) -> Result<()> {
    if channel == Channel::Com2 { guest.console_shows(LISTENING, deadline) } else { Ok(()) }
}

impl Kernel {
    /// Debian's newest kernel for virtual machines.
    ///
    /// # Errors
    /// When it cannot be downloaded.
    pub fn find() -> Result<Self> {
        Self::unpacked(&packages::unpacked("linux-image-", || packages::first_dependency(KERNEL))?)
    }

    /// Debian's kernel for virtual machines of aarch64, of the oldest Debian that has security updates: those of newer ones are packed.
    ///
    /// # Errors
    /// When it cannot be downloaded.
    pub fn of_aarch64() -> Result<Self> {
        let root = packages::chosen_by("arm64", "linux-arm64", &[&["bookworm"]], "linux-image-cloud-arm64")?;
        Self::unpacked(&root.path(""))
    }

    fn unpacked(folder: &Path) -> Result<Self> {
        let image = first(&folder.join("boot"), |name| name.starts_with("vmlinuz-"))
            .with_context(|| damaged(folder, "boot/vmlinuz-*"))?;
        let modules = first(&folder.join("lib/modules"), |_| true)
            .with_context(|| damaged(folder, "lib/modules"))?
            .join("kernel");
        Ok(Self { image, modules })
    }

    /// The kernel itself.
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// What is in the file of one of its modules, such as `drivers/net/dummy.ko`.
    ///
    /// # Errors
    /// When there is no such module.
    pub fn module(&self, path: &str) -> Result<Vec<u8>> {
        let file = self.modules.join(path);
        fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
    }

    /// Writes what a guest boots into: the agent, the modules by which it reaches its host, and `extras`.
    pub fn write_initramfs(&self, path: &Path, agent: &Path, modules: Modules, extras: &[Extra<'_>]) -> Result<()> {
        let mut archive = Archive::new(BufWriter::new(File::create(path)?));
        for directory in ["/dev", "/etc", "/modules", "/root", "/mnt", "/bin"] {
            archive.directory(directory)?;
        }
        archive.character_device("/dev/console", (5, 1))?;
        archive.file("/init", 0o755, &fs::read(agent)?)?;
        self.add_modules(&mut archive, modules)?;
        for Extra { path, mode, content } in extras {
            archive.file(path, *mode, content)?;
        }
        archive.end()?.into_inner().context("cannot write the initramfs")?;
        Ok(())
    }

    /// Adds modules to /modules, with names in the order in which they can be loaded.
    pub fn add_modules(&self, archive: &mut Archive<impl Write>, modules: Modules) -> Result<()> {
        let bus: &[_] = match modules.bus {
            Bus::Pci => &PCI,
            Bus::Mmio => &MMIO,
        };
        let disks = DISKS.iter().filter(|_| modules.disks);
        let network = NETWORK.iter().filter(|_| modules.network);
        for (index, module) in VIRTIO.iter().chain(bus).chain(&PORT).chain(disks).chain(network).enumerate() {
            let content = self.module(module)?;
            let name = Path::new(module).file_name().unwrap_or_default().to_string_lossy();
            archive.file(&format!("/modules/{index:02}-{name}"), 0o644, &content)?;
        }
        Ok(())
    }
}
