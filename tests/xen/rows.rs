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
    /// Whether it can be saved.
    pub save: Save,
    /// How it is restarted, and what switches it off at last.
    pub ends: &'static [End],
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
    /// The second serial port.
    Com2,
}

/// What `xl save` does with a domain.
#[derive(Clone, Copy, Debug)]
pub enum Save {
    /// Saves it, and it can be restored.
    Restored,
    /// Nothing: the domain says that it cannot suspend itself.
    Refused,
}

/// What ends a domain.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// `xl reboot`.
    Reboot,
    /// `xl shutdown`.
    Shutdown,
    /// `guest-shutdown` with the mode `reboot`.
    AgentReboot,
    /// `guest-shutdown`.
    AgentShutdown,
    /// `xl shutdown -F`, which presses the power button.
    Button,
}

/// Debian's kernel with the agent for Linux.
const LINUX_ROW: Row = Row {
    name: "",
    kind: "",
    boots: Boots::Linux("-v"),
    channel: Channel::Console,
    more: "",
    save: Save::Restored,
    ends: &[End::Reboot, End::Shutdown],
};

pub const LINUX_PV: Row = Row { name: "linux-pv", kind: "pv", ..LINUX_ROW };
/// The method is named. With an emulated TSC, Linux dies at an instruction that Xen does not emulate.
pub const LINUX_PVH: Row = Row {
    name: "linux-pvh",
    kind: "pvh",
    boots: Boots::Linux("-v -m xen"),
    more: "tsc_mode=\"native\"",
    ends: &[End::AgentReboot, End::Reboot, End::Shutdown],
    ..LINUX_ROW
};
/// It is not restarted: QEMU's firmware takes a minute here to read the kernel, a byte at a time.
pub const LINUX_HVM: Row =
    Row { name: "linux-hvm", kind: "hvm", more: "tsc_mode=\"native\"", ends: &[End::Shutdown], ..LINUX_ROW };

/// Images that know Xen.
const XEN_ROW: Row = Row { save: Save::Refused, ends: &[End::AgentReboot, End::Reboot, End::Shutdown], ..LINUX_ROW };

pub const NANO_XEN_PVH: Row = Row { name: "nano-xen-pvh", kind: "pvh", boots: Boots::Kernel(NANO_XEN, 8), ..XEN_ROW };
pub const NANO_XEN_HVM: Row = Row {
    name: "nano-xen-hvm",
    kind: "hvm",
    boots: Boots::Disk(NANO_XEN_DISK),
    ends: &[End::AgentReboot, End::AgentShutdown],
    ..XEN_ROW
};
pub const APPLIANCE_XEN_PVH: Row =
    Row { name: "appliance-xen-pvh", kind: "pvh", boots: Boots::Kernel(APPLIANCE_XEN, 16), ..XEN_ROW };

/// Images that take the domain for a PC.
const PC_ROW: Row =
    Row { kind: "hvm", channel: Channel::Virtio, ends: &[End::AgentReboot, End::AgentShutdown], ..LINUX_ROW };
const NANO_PC: Row = Row { boots: Boots::Disk(NANO_DISK), ..PC_ROW };
const APPLIANCE_PC: Row = Row { boots: Boots::Disk(APPLIANCE_DISK), ends: &[End::AgentReboot, End::Button], ..PC_ROW };

pub const NANO_VIRTIO: Row = Row { name: "nano-virtio", ..NANO_PC };
pub const NANO_COM2: Row = Row { name: "nano-com2", channel: Channel::Com2, ..NANO_PC };
pub const APPLIANCE_VIRTIO: Row = Row { name: "appliance-virtio", ..APPLIANCE_PC };
pub const APPLIANCE_COM2: Row = Row { name: "appliance-com2", channel: Channel::Com2, ..APPLIANCE_PC };

impl Row {
    /// Whether Xen's tools take it for a domain without drivers of Xen's, which they cannot ask for anything. Those of the images
    /// need no interrupt, by which the tools know them.
    pub fn lacks_drivers(&self) -> bool {
        self.kind == "hvm" && !self.is_linux()
    }

    /// Whether it runs Linux.
    pub fn is_linux(&self) -> bool {
        matches!(self.boots, Boots::Linux(_))
    }

    /// Whether its channel takes a millisecond for each byte here, because an emulated processor emulates the port for it.
    pub fn is_slow(&self) -> bool {
        matches!(self.channel, Channel::Com2)
    }

    /// What puts its disk, which it may write to, where no other domain has it.
    pub fn prepare(&self) -> String {
        match self.boots {
            Boots::Disk(disk) => format!("cp {disk} {}", self.disk()),
            Boots::Linux(_) | Boots::Kernel(..) => ":".into(),
        }
    }

    fn disk(&self) -> String {
        format!("/run/{}.raw", self.name)
    }

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
            Boots::Disk(_) => {
                format!("disk=[\"format=raw,vdev=hda,access=rw,backendtype=qdisk,target={}\"]\nmemory=64", self.disk())
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
            Channel::Com2 => format!("serial=[\"pty\",\"unix:{},server=on,wait=off\"]", self.socket()),
        };
        format!(
            "name=\"{name}\"\ntype=\"{kind}\"\nvcpus=1\nvga=\"none\"\nvnc=0\non_crash=\"preserve\"\n{boots}\n{channel}\n{more}\n"
        )
    }
}
