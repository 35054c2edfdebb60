//! The rows: which domains are made, and what is expected of each.

use crate::images::{APPLIANCE_DISK, APPLIANCE_XEN, INITRAMFS, LINUX, NANO_DISK, NANO_XEN, NANO_XEN_DISK};

/// A domain.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name, and that of its socket in domain 0.
    pub name: &'static str,
    /// pv, pvh or hvm.
    kind: &'static str,
    /// What it boots.
    boots: Boots,
    /// How its host reaches it.
    channel: Channel,
    /// What else its configuration has.
    more: &'static str,
    /// Whether it must not run while it has nothing to do. Linux does, the more the busier this machine is.
    pub sleeps: bool,
    /// Whether it can be saved.
    pub save: Save,
    /// Who restarts it, and switches it off.
    pub power: Power,
}

/// What a domain boots.
#[derive(Clone, Copy, Debug)]
enum Boots {
    /// Debian's kernel with the agent for Linux as its first process, which gets these words.
    Linux(&'static str),
    /// A kernel of ours, with these many MiB of memory.
    Kernel(&'static str, u32),
    /// A disk of domain 0's files.
    Disk(&'static str),
}

/// The way to an agent.
#[derive(Clone, Copy, Debug)]
enum Channel {
    /// A console of the agent's name.
    Console,
    /// A port of a virtio console.
    Virtio,
}

/// What `xl save` does with a domain.
#[derive(Clone, Copy, Debug)]
pub enum Save {
    /// Saves it, and it can be restored.
    Restored,
    /// Nothing: the domain says that it cannot suspend itself.
    Refused,
}

/// Who restarts a domain, and switches it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Its agent.
    Agent,
    /// Xen's tools, by the store.
    Tools,
    /// Its agent restarts it. Its power button, which Xen's tools press, switches it off.
    Button,
}

/// Debian's kernel with the agent for Linux.
const LINUX_ROW: Row = Row {
    name: "",
    kind: "",
    boots: Boots::Linux("-v"),
    channel: Channel::Console,
    more: "",
    sleeps: false,
    save: Save::Restored,
    power: Power::Agent,
};

pub const LINUX_PV: Row = Row { name: "linux-pv", kind: "pv", power: Power::Tools, ..LINUX_ROW };
/// The method is named. With an emulated TSC, Linux dies at an instruction that Xen does not emulate.
pub const LINUX_PVH: Row =
    Row { name: "linux-pvh", kind: "pvh", boots: Boots::Linux("-v -m xen"), more: "tsc_mode=\"native\"", ..LINUX_ROW };

/// Images that know Xen.
const XEN_ROW: Row = Row { sleeps: true, save: Save::Refused, ..LINUX_ROW };

pub const NANO_XEN_PVH: Row =
    Row { name: "nano-xen-pvh", kind: "pvh", boots: Boots::Kernel(NANO_XEN, 8), power: Power::Tools, ..XEN_ROW };
pub const NANO_XEN_HVM: Row = Row { name: "nano-xen-hvm", kind: "hvm", boots: Boots::Disk(NANO_XEN_DISK), ..XEN_ROW };

pub const APPLIANCE_XEN_PVH: Row = Row {
    name: "appliance-xen-pvh",
    kind: "pvh",
    boots: Boots::Kernel(APPLIANCE_XEN, 16),
    power: Power::Tools,
    ..XEN_ROW
};

/// Images that take the domain for a PC.
const PC_ROW: Row = Row { kind: "hvm", channel: Channel::Virtio, sleeps: true, ..LINUX_ROW };

pub const NANO_VIRTIO: Row = Row { name: "nano-virtio", boots: Boots::Disk(NANO_DISK), ..PC_ROW };
pub const APPLIANCE_VIRTIO: Row =
    Row { name: "appliance-virtio", boots: Boots::Disk(APPLIANCE_DISK), power: Power::Button, ..PC_ROW };

impl Row {
    /// The socket in domain 0 at which its agent is.
    pub fn socket(&self) -> String {
        format!("/run/{}.sock", self.name)
    }

    /// Its configuration for xl.
    pub fn configuration(&self) -> String {
        let Self { name, kind, more, .. } = self;
        let boots = match self.boots {
            Boots::Linux(words) => format!(
                "kernel=\"{LINUX}\"\nramdisk=\"{INITRAMFS}\"\nextra=\"console=hvc0 quiet panic=-1 -- {words}\"\nmemory=128"
            ),
            Boots::Kernel(kernel, memory) => {
                format!("kernel=\"{kernel}\"\nextra=\"hostname=domain\"\nmemory={memory}")
            }
            Boots::Disk(disk) => {
                format!("disk=[\"format=raw,vdev=hda,access=rw,backendtype=qdisk,target={disk}\"]\nmemory=64")
            }
        };
        let channel = match self.channel {
            // xl 4.17 gives the first channel the number of the domain's own console, and loses it.
            Channel::Console => format!(
                "channel=[\"connection=pty,name=none\",\"connection=socket,path={},name=org.qemu.guest_agent.0\"]",
                self.socket()
            ),
            Channel::Virtio => format!(
                "serial=\"pty\"\ndevice_model_args_hvm=[\"-device\",\"virtio-serial-pci\",\"-chardev\",\
                 \"socket,id=agent,path={},server=on,wait=off\",\"-device\",\
                 \"virtserialport,chardev=agent,name=org.qemu.guest_agent.0\"]",
                self.socket()
            ),
        };
        format!(
            "name=\"{name}\"\ntype=\"{kind}\"\nvcpus=1\nvga=\"none\"\nvnc=0\non_crash=\"preserve\"\n{boots}\n{channel}\n{more}\n"
        )
    }
}
