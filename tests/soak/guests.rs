//! The guests, and what befalls them: hosts that come and leave, snapshots, migrations, sleep, devices that come and leave.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use debian::linux::{self, Extra};
use nanoqga_testkit::client::{Client, shown};
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel::{self, Com2, Virtio, VirtioModern};
use nanoqga_testkit::qemu::Config;
use nanoqga_testkit::qmp::Qmp;
use nanoqga_testkit::snapshot;
use serde_json::{Value, json};
use tests::booted::{config_of, resynchronise, resynchronise_after_another, synchronise_after_firmware};
use tests::disk::Disk;
use tests::images::{APPLIANCE, linux_agent};
use tests::{migration, soon};

/// A guest of one kind, and what is special about it.
pub struct Kind {
    pub name: &'static str,
    machine: &'static str,
    channels: &'static [Channel],
    /// Where its files are.
    pub folder: &'static str,
    /// Whether it can sleep in memory.
    pub sleeps: bool,
    /// Whether it is Linux, and not the appliance.
    pub is_linux: bool,
}

pub const Q35: Kind =
    Kind { name: "q35", machine: "q35", channels: &[Virtio, Com2], folder: "/", sleeps: true, is_linux: false };
pub const AARCH64: Kind =
    Kind { name: "aarch64", machine: "aarch64-virt-pcie", channels: &[VirtioModern, Com2], sleeps: false, ..Q35 };
pub const LINUX: Kind = Kind { name: "linux", channels: &[Virtio], folder: "/data/", is_linux: true, ..Q35 };

/// How many seconds a guest may take to boot where several are emulated at once.
const BOOT: u64 = 120;

/// The address of the appliance's network card at first, in QEMU's network of one guest.
pub const ADDRESS: &str = "10.0.2.77";

/// The snapshot, of which there is one.
const SNAPSHOT: &str = "soak";

/// One of them, running, with a host at each channel.
pub struct Running {
    guest: Guest,
    agents: Vec<Client>,
    config: Config,
    /// Where its files are, and the same as a disk that can hold snapshots.
    disk: Disk,
    image: PathBuf,
    /// What it needs to start again.
    _kept: (Disk, PrivateFolder),
    /// The number of the last synchronisation.
    number: i64,
    /// How many hosts had to connect again, because QEMU 7.2 may throttle a port as its host leaves.
    pub forgotten: usize,
}

impl Running {
    /// Boots it.
    pub fn start(kind: &Kind) -> Result<Self> {
        let disk = if kind.is_linux { Disk::blank(32 << 10)? } else { Disk::fat(16, 16 << 10)? };
        if kind.is_linux {
            disk.run("mkfs.ext4", &["-q", "@"])?;
        }
        let (image, spare, folder) = (disk.qcow2()?, Disk::blank(64)?, PrivateFolder::new()?);
        let mut config = if kind.is_linux {
            let initramfs = folder.path().join("initramfs");
            let accounts =
                Extra { path: "/etc/passwd", mode: 0o644, content: b"root:x:0:0:root:/root:/bin/sh\n".into() };
            linux::config(&linux_agent()?, Virtio, &initramfs, &[linux::busybox()?, accounts])?
        } else {
            config_of(&APPLIANCE, kind.machine, kind.channels[0])?
        };
        config.channels = kind.channels.into();
        config.snapshots = true;
        // A guest gives up a disk that takes half a minute, as that of a busy host may to flush.
        config.disk(&format!("file={},format=qcow2,cache=unsafe", image.display()), "");
        if !kind.is_linux {
            config.append = format!("ip=eth0,{ADDRESS}/24,10.0.2.2");
            config.argument("-netdev", "user,id=net,ipv6=off").virtio("net", "netdev=net");
            config.argument("-device", "pcie-root-port,id=slot0,chassis=1").argument("-netdev", "user,id=spare-net");
            let file = format!("file.driver=file,file.filename={}", spare.path().display());
            config.argument("-blockdev", format!("driver=raw,node-name=spare-disk,read-only=on,{file}"));
        }
        let mut guest = Guest::start(&config)?;
        let mut agents = Vec::new();
        for (index, channel) in kind.channels.iter().enumerate() {
            let mut agent = guest.connect_to(index, soon())?;
            match channel.is_serial() {
                true => synchronise_after_firmware(&mut agent, 1)?,
                false => _ = agent.execute("guest-sync", json!({"id": 1}), Deadline::seconds(BOOT))?,
            }
            agents.push(agent);
        }
        Ok(Self { guest, agents, config, disk, image, _kept: (spare, folder), number: 2, forgotten: 0 })
    }

    /// The host at a channel.
    pub fn agent(&mut self, channel: usize) -> &mut Client {
        &mut self.agents[channel]
    }

    /// How many channels it has.
    pub fn channels(&self) -> usize {
        self.agents.len()
    }

    /// The ends of its logs.
    pub fn tails(&self) -> String {
        self.guest.tails()
    }

    fn qmp(&mut self) -> Result<Qmp> {
        self.guest.qmp(soon())
    }

    /// The host at a channel leaves, and another one takes its place.
    pub fn change_host(&mut self, channel: usize) -> Result<()> {
        // A channel has room for one.
        drop(self.agents.remove(channel));
        let agent = self.connect(channel)?;
        self.agents.insert(channel, agent);
        Ok(())
    }

    fn connect(&mut self, channel: usize) -> Result<Client> {
        self.number += 2;
        let mut agent = self.guest.connect_to(channel, soon())?;
        if resynchronise_after_another(&mut agent, self.number).is_err() {
            self.forgotten += 1;
            drop(agent);
            agent = self.guest.connect_to(channel, soon())?;
            resynchronise_after_another(&mut agent, self.number + 1)?;
        }
        Ok(agent)
    }

    /// Nothing was said to any host before it got in step.
    fn is_in_step(&mut self) -> Result<()> {
        self.number += 1;
        for agent in &mut self.agents {
            let before = resynchronise(agent, self.number)?;
            let unasked = before.first().map_or_else(String::new, |line| shown(line));
            ensure!(before.is_empty(), "{} lines were said unasked: {unasked}", before.len());
        }
        Ok(())
    }

    /// Keeps its state in the snapshot.
    pub fn save(&mut self) -> Result<()> {
        snapshot::save(&mut self.qmp()?, SNAPSHOT, soon())?;
        self.is_in_step()
    }

    /// Returns to the snapshot.
    pub fn load(&mut self) -> Result<()> {
        snapshot::restore(&mut self.qmp()?, SNAPSHOT, soon())?;
        self.is_in_step()
    }

    /// Goes on in another QEMU, which has no snapshot.
    pub fn migrate(&mut self) -> Result<()> {
        let folder = PrivateFolder::new()?;
        let state = migration::save(&mut self.guest, folder.path())?;
        let channels = self.agents.drain(..).count();
        self.guest = migration::awaiting(&self.config)?;
        migration::go_on(&mut self.guest, &state)?;
        for channel in 0..channels {
            let agent = self.connect(channel)?;
            self.agents.push(agent);
        }
        Ok(())
    }

    /// Sleeps in memory, and is woken.
    pub fn sleep(&mut self, channel: usize) -> Result<()> {
        let mut qmp = self.qmp()?;
        self.agents[channel].send(br#"{"execute":"guest-suspend-ram"}"#, soon())?;
        qmp.event("SUSPEND", soon())?;
        qmp.execute("system_wakeup", json!({}), soon())?;
        qmp.event("WAKEUP", soon())?;
        self.is_in_step()
    }

    /// A device comes, and leaves when `command`, which lists its like, has one more. `device` is how QEMU knows it.
    pub fn replug(&mut self, channel: usize, mut device: Value, command: &str) -> Result<()> {
        let mut qmp = self.qmp()?;
        let agent = &mut self.agents[channel];
        let mut count =
            || -> Result<usize> { Ok(agent.execute(command, json!({}), soon())?.as_array().context("a list")?.len()) };
        let before = count()?;
        device["id"] = "spare".into();
        device["bus"] = "slot0".into();
        qmp.execute("device_add", device, soon())?;
        soon().poll("the device", || Ok((count()? == before + 1).then_some(())))?;
        qmp.execute("device_del", json!({"id": "spare"}), soon())?;
        while qmp.event("DEVICE_DELETED", soon())?["device"] != "spare" {}
        soon().poll("the end of the device", || Ok((count()? == before).then_some(())))
    }

    /// Goes down, by the host at a channel. Returns its disk, as a raw one.
    pub fn goes_down(mut self, channel: usize) -> Result<Disk> {
        self.agents[channel].send(br#"{"execute":"guest-shutdown"}"#, soon())?;
        let status = self.guest.wait(soon())?;
        ensure!(status.success(), "QEMU ended with {status}");
        let Self { disk, image, .. } = self;
        disk.run("qemu-img", &["convert", "-f", "qcow2", "-O", "raw", &image.to_string_lossy(), "@"])?;
        Ok(disk)
    }
}
