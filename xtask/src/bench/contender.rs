//! Who is measured, and the guests that they are.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use debian::linux::{Kernel, Modules};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::{Bus, Channel, Machine};
use nanoqga_testkit::qemu::{Config, Console};
use serde::{Deserialize, Serialize};

use super::reference;
use crate::image::{self, APPLIANCE, LINUX, NANO};
use crate::targets;

/// What every guest gets.
const MEMORY_KIB: u32 = 128 << 10;

/// Linux's command line. On a busy host the timer, which QEMU emulates, may come too late for Linux's test of it.
const QUIET: &str = "console=ttyS0 quiet panic=-1 no_timer_check";

/// More of it for a microvm. Linux cannot measure the frequency of the processor's counter there, and without KVM it often hangs
/// when it tries. So these words name one. A wrong one does no harm to a guest that only answers.
const MICROVM_COUNTER: &str = " tsc_early_khz=2500000 tsc=reliable";

/// One side of the comparison.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Contender {
    /// The least that could be: a bare ELF that prints a byte and echoes.
    Floor,
    /// The smallest image.
    Nano,
    /// The image with state behind its answers.
    Appliance,
    /// Our agent for Linux.
    LinuxAgent,
    /// What all others are measured against: Debian's kernel and qemu-ga.
    QemuGa,
    /// The smallest image of another commit.
    NanoBefore,
    /// The image with state, of another commit.
    ApplianceBefore,
    /// Our agent for Linux, of another commit.
    LinuxAgentBefore,
}

use Contender::{Appliance, ApplianceBefore, Floor, LinuxAgent, LinuxAgentBefore, Nano, NanoBefore, QemuGa};

impl Contender {
    /// All of one commit, in the order of tables and turns.
    pub(super) const ALL: [Self; 5] = [Floor, Nano, Appliance, LinuxAgent, QemuGa];
    /// Those with an agent.
    pub(super) const AGENTS: [Self; 4] = [Nano, Appliance, LinuxAgent, QemuGa];
    /// What the ratios are to.
    pub(super) const REFERENCE: Self = QemuGa;
    /// What is built of a commit, and the same of another one.
    pub(super) const BUILT: [(Self, Self); 3] =
        [(Nano, NanoBefore), (Appliance, ApplianceBefore), (LinuxAgent, LinuxAgentBefore)];

    /// In the names of ratios.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Floor => "floor",
            Nano => "nano",
            Appliance => "appliance",
            LinuxAgent => "linux-agent",
            QemuGa => "qemu-ga",
            NanoBefore => "nano-before",
            ApplianceBefore => "appliance-before",
            LinuxAgentBefore => "linux-agent-before",
        }
    }

    /// At the head of a table's column.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Floor => "bare ELF (floor)",
            Nano => "nano",
            Appliance => "appliance",
            LinuxAgent => "Linux agent as PID 1",
            QemuGa => "Debian and qemu-ga",
            NanoBefore => "nano before",
            ApplianceBefore => "appliance before",
            LinuxAgentBefore => "Linux agent before",
        }
    }

    /// Whether it has the command, with something to say.
    pub(super) fn answers(self, command: &str) -> bool {
        match self {
            Floor => false,
            Nano | NanoBefore => !command.starts_with("guest-file-") && command != "guest-network-get-interfaces",
            Appliance | ApplianceBefore | LinuxAgent | LinuxAgentBefore | QemuGa => true,
        }
    }

    /// The longest request that it takes, in bytes.
    pub(super) const fn longest_request(self) -> usize {
        match self {
            Floor => 0,
            Nano | NanoBefore => 4 << 10,
            Appliance | ApplianceBefore => 128 << 10,
            LinuxAgent | LinuxAgentBefore => 64 << 20,
            QemuGa => usize::MAX,
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// What is built of a commit.
#[derive(Debug)]
pub(super) struct Built {
    /// The smallest image.
    pub nano: PathBuf,
    /// The image with state behind its answers.
    pub appliance: PathBuf,
    /// The agent for Linux.
    pub agent: PathBuf,
}

impl Built {
    /// Builds what this commit has.
    pub(super) fn now() -> Result<Self> {
        let target = targets::target(Machine::named("q35")?);
        Ok(Self {
            nano: image::build(target, &NANO)?,
            appliance: image::build(target, &APPLIANCE)?,
            agent: image::build(targets::LINUX_TARGET, &LINUX)?,
        })
    }
}

/// The files that guests boot from.
#[derive(Debug)]
pub(super) struct GuestFiles {
    floor: PathBuf,
    now: Built,
    /// Of another commit, if that is measured as well.
    before: Option<Built>,
    kernel: Kernel,
    reference: reference::Files,
    folder: PrivateFolder,
}

impl GuestFiles {
    /// Builds the images, and finds Debian's kernel and programs.
    pub(super) fn prepare(before: Option<Built>) -> Result<Self> {
        Ok(Self {
            floor: image::build_first_byte(targets::target(Machine::named("q35")?))?,
            now: Built::now()?,
            before,
            kernel: Kernel::find()?,
            reference: reference::Files::find()?,
            folder: PrivateFolder::new()?,
        })
    }

    fn before(&self) -> Result<&Built> {
        self.before.as_ref().context("there is no other commit")
    }

    /// A contender's guest. All of a kind get the same machine, the same memory and the same devices: a virtio-serial port, a
    /// serial line for the log, and so many network cards.
    pub(super) fn config(&self, contender: Contender, machine: &'static Machine, cards: u32) -> Result<Config> {
        let mut config =
            self.bare_config(contender, machine, Modules { bus: machine.bus, disks: false, network: cards > 0 })?;
        for _ in 0..cards {
            config.user_network();
        }
        Ok(config)
    }

    /// The same with a disk, which several guests may read, instead of network cards. `drive` has more of what QEMU's `-drive` takes, each
    /// begun by a comma.
    pub(super) fn config_with_disk(
        &self,
        contender: Contender,
        machine: &'static Machine,
        disk: &Path,
        drive: &str,
    ) -> Result<Config> {
        let mut config =
            self.bare_config(contender, machine, Modules { bus: machine.bus, disks: true, network: false })?;
        config.disk(&format!("format=raw,readonly=on,file={}{drive}", disk.display()), "");
        Ok(config)
    }

    /// The same with a second serial line instead of the port and network cards.
    pub(super) fn config_on_a_line(&self, contender: Contender, machine: &'static Machine) -> Result<Config> {
        let mut config = self.config(contender, machine, 0)?;
        config.channels = vec![Channel::Com2];
        if matches!(contender, LinuxAgent | LinuxAgentBefore) {
            config.append += " -m isa-serial -p /dev/ttyS1";
        }
        Ok(config)
    }

    /// A contender's guest without network cards and disks, but with the `modules` for them.
    fn bare_config(&self, contender: Contender, machine: &'static Machine, modules: Modules) -> Result<Config> {
        let image = match contender {
            Floor => &self.floor,
            Nano => &self.now.nano,
            NanoBefore => &self.before()?.nano,
            Appliance => &self.now.appliance,
            ApplianceBefore => &self.before()?.appliance,
            LinuxAgent | LinuxAgentBefore | QemuGa => self.kernel.image(),
        };
        let mut config = Config::new(machine, Channel::Virtio, image);
        config.memory_kib = MEMORY_KIB;
        if contender == Floor {
            config.console = Console::Socket;
        }
        if matches!(contender, LinuxAgent | LinuxAgentBefore | QemuGa) {
            config.initramfs = Some(self.initramfs(contender, machine, modules)?);
            config.append = QUIET.into();
            if machine.bus == Bus::Mmio {
                config.append += MICROVM_COUNTER;
            }
            if contender != QemuGa {
                config.append += " -- --modules /modules";
            }
        }
        Ok(config)
    }

    /// A folder for more files.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The files that a contender's kernel begins with, and no module among them that it has no use for.
    fn initramfs(&self, contender: Contender, machine: &Machine, modules: Modules) -> Result<PathBuf> {
        let Modules { disks, network, .. } = modules;
        let path = self.folder.path().join(format!("{}-{machine}-{disks}-{network}", contender.name()));
        if !path.exists() {
            match contender {
                QemuGa => self.reference.write_initramfs(&path, &self.kernel, modules)?,
                LinuxAgentBefore => self.kernel.write_initramfs(&path, &self.before()?.agent, modules, &[])?,
                _ => self.kernel.write_initramfs(&path, &self.now.agent, modules, &[])?,
            }
        }
        Ok(path)
    }

    /// The files that QEMU is given to boot a contender on q35.
    pub(super) fn of(&self, contender: Contender) -> Result<Vec<PathBuf>> {
        let config = self.config(contender, Machine::named("q35")?, 0)?;
        Ok([config.image].into_iter().chain(config.initramfs).collect())
    }
}
