//! The one place that builds QEMU's command lines.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::accelerator::Accelerator;
use crate::machine::{Bus, Channel, Machine};
use crate::process::find;

/// The environment variable that names a folder with QEMU's programs, in place of those in PATH.
pub const FOLDER: &str = "NANOQGA_QEMU";

/// The name by which every host finds the agent's port.
const PORT_NAME: &str = "org.qemu.guest_agent.0";

/// In a guest's folder: QEMU's control sockets, and the file for snapshots.
pub(crate) const CONTROL: &str = "qmp.sock";
pub(crate) const EVENTS: &str = "events.sock";
pub(crate) const SNAPSHOTS: &str = "snapshots.qcow2";

/// Where COM1, the guest's log, goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// To a file, for messages and assertions.
    File,
    /// To a unix socket that QEMU connects to as it starts, for who wants to know when a byte comes.
    Socket,
    /// To our own terminal, with QEMU's monitor behind Ctrl-A C.
    Terminal,
    /// Nowhere: the machine has no such port.
    Absent,
}

/// What a disk is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A disk, byte for byte.
    Raw,
    /// A disk in QEMU's own format.
    Qcow2,
}

impl Format {
    /// Its name, which is also what its files' names end with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// How a guest gets into its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// QEMU loads it.
    Kernel,
    /// Firmware boots it from a disk of this format: the machine's own, or the one in a file.
    Disk(Format, Option<&'static str>),
}

/// What to boot, on what, with which channels.
#[derive(Clone, Debug)]
pub struct Config {
    /// The machine.
    pub machine: &'static Machine,
    /// The agent's channels, in the order of their sockets. More than one gives the guest as many devices.
    pub channels: Vec<Channel>,
    /// The ELF image, a Linux kernel, or a disk to boot from.
    pub image: PathBuf,
    /// How it gets into the machine.
    pub boot: Boot,
    /// The files that a Linux kernel begins with.
    pub initramfs: Option<PathBuf>,
    /// What runs the guest's code.
    pub accelerator: Accelerator,
    /// The guest's memory in KiB.
    pub memory_kib: u32,
    /// How many processors the guest has.
    pub processors: u32,
    /// The kernel command line.
    pub append: String,
    /// Where the guest's log goes.
    pub console: Console,
    /// Whether a reset boots the guest again instead of ending QEMU.
    pub reboots: bool,
    /// Whether QEMU tells of events at a second control socket, and stays when the guest has ended, so that it can be looked at.
    pub watched: bool,
    /// Whether the guest can be saved and restored: it gets a file for that, and its other disks must allow it.
    pub snapshots: bool,
    /// Whether there is a port at 0xf4 that ends QEMU with the odd status `2 * value + 1`.
    pub debug_exit: bool,
    /// virtio-serial ports of other names on the agent's bus, before the agent's own.
    pub other_ports: u32,
    /// More of QEMU's arguments, after all others.
    more: Arguments,
}

impl Config {
    /// `image` on `machine` with one channel, 16 MiB, an empty command line and a log file; a reset ends QEMU.
    pub fn new(machine: &'static Machine, channel: Channel, image: &Path) -> Self {
        Self {
            machine,
            channels: vec![channel],
            image: image.into(),
            boot: Boot::Kernel,
            initramfs: None,
            accelerator: Accelerator::Tcg,
            memory_kib: 16 << 10,
            processors: 1,
            append: String::new(),
            console: Console::File,
            reboots: false,
            watched: false,
            snapshots: false,
            debug_exit: false,
            other_ports: 0,
            more: Arguments::default(),
        }
    }

    /// Adds one of QEMU's arguments that have a value, such as `-netdev`.
    pub fn argument(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.more.pair(name, value);
        self
    }

    /// Adds a word to QEMU's arguments.
    pub fn word(&mut self, word: &str) -> &mut Self {
        self.more.flag(word);
        self
    }

    /// Adds a virtio device of a kind such as `net`, with its properties, on the machine's bus.
    pub fn virtio(&mut self, kind: &str, properties: &str) -> &mut Self {
        let device = self.virtio_device(kind, properties);
        self.argument("-device", device)
    }

    fn virtio_device(&self, kind: &str, properties: &str) -> String {
        let bus = match self.machine.bus {
            Bus::Pci => "pci",
            Bus::Mmio => "device",
        };
        format!("virtio-{kind}-{bus},{properties}")
    }

    /// Adds a network card, at QEMU's network of one guest, which has a DHCP server and a router for IPv6.
    pub fn user_network(&mut self) -> &mut Self {
        let network = format!("net{}", self.more.0.len());
        self.argument("-netdev", format!("user,id={network}")).virtio("net", &format!("netdev={network}"))
    }

    /// Adds a virtio disk on what QEMU's `-drive` describes, with more properties of the device, each begun by a comma.
    pub fn disk(&mut self, drive: &str, properties: &str) -> &mut Self {
        let id = format!("disk{}", self.more.0.len());
        self.argument("-drive", format!("if=none,id={id},{drive}")).virtio("blk", &format!("drive={id}{properties}"))
    }

    /// QEMU's arguments. Its sockets and files are names in the folder it is started in, so that the paths are short.
    pub fn arguments(&self) -> Vec<String> {
        let mut args = Arguments::default();
        args.flag("-no-user-config");
        args.flag("-nodefaults");
        args.pair("-display", "none");
        args.pair("-accel", self.accelerator.name());
        args.pair("-machine", self.machine.qemu_machine);
        if let Some(cpu) = self.machine.cpu {
            args.pair("-cpu", cpu);
        }
        args.pair("-m", format!("{}K", self.memory_kib));
        if self.processors > 1 {
            args.pair("-smp", self.processors.to_string());
        }
        match self.boot {
            Boot::Kernel => args.pair("-kernel", self.image.display().to_string()),
            Boot::Disk(format, firmware) => {
                if let Some(firmware) = firmware {
                    // On riscv64, QEMU's own is an SBI, which then enters this.
                    let option = if self.machine.architecture() == "riscv64" { "-kernel" } else { "-bios" };
                    args.pair(option, firmware);
                }
                args.pair("-drive", format!("if=none,id=boot,format={},file={}", format.name(), self.image.display()));
                args.pair("-device", self.virtio_device("blk", "drive=boot,bootindex=0"));
            }
        }
        if let Some(initramfs) = &self.initramfs {
            args.pair("-initrd", initramfs.display().to_string());
        }
        if !self.append.is_empty() {
            args.pair("-append", &self.append);
        }
        if !self.reboots {
            args.flag("-no-reboot");
        }
        if self.debug_exit {
            args.pair("-device", "isa-debug-exit,iobase=0xf4,iosize=4");
        }
        args.pair("-qmp", format!("unix:{CONTROL},server=on,wait=off"));
        if self.watched {
            args.pair("-qmp", format!("unix:{EVENTS},server=on,wait=off"));
            args.flag("-no-shutdown");
        }
        if self.snapshots {
            args.pair("-drive", format!("if=none,id=snapshots,format=qcow2,file={SNAPSHOTS}"));
        }
        self.console(&mut args);
        for (index, channel) in self.channels.iter().enumerate() {
            args.pair("-chardev", format!("socket,id=agent{index},path={},server=on,wait=off", channel_socket(index)));
            self.channel(&mut args, index, *channel);
        }
        args.0.extend_from_slice(&self.more.0);
        args.0
    }

    /// Whether there is a COM1 that is the guest's log, and not a channel.
    pub fn has_console(&self) -> bool {
        self.console != Console::Absent && !self.channels.contains(&Channel::Com1)
    }

    fn console(&self, args: &mut Arguments) {
        let chardev = match self.console {
            Console::File => "file,id=console,path=console.log",
            Console::Socket => "socket,id=console,path=console.sock",
            Console::Terminal => "stdio,id=console,mux=on,signal=off",
            Console::Absent => return,
        };
        if self.has_console() {
            args.pair("-chardev", chardev);
            args.pair("-serial", "chardev:console");
            if self.console == Console::Terminal {
                args.pair("-mon", "chardev=console");
            }
        }
    }

    fn channel(&self, args: &mut Arguments, index: usize, channel: Channel) {
        match channel {
            Channel::Virtio => self.virtio_channel(args, index, false),
            Channel::VirtioModern => self.virtio_channel(args, index, true),
            Channel::Console => {
                let device = match self.machine.bus {
                    Bus::Pci => "virtio-serial-pci",
                    Bus::Mmio => "virtio-serial-device",
                };
                args.pair("-device", format!("{device},id=serial{index},max_ports=1"));
                args.pair("-device", format!("virtconsole,bus=serial{index}.0,chardev=agent{index},id=port{index}"));
            }
            Channel::Com2 => args.pair("-device", format!("{},chardev=agent{index}", self.machine.second_uart)),
            Channel::Com1 => args.pair("-serial", format!("chardev:agent{index}")),
        }
    }

    fn virtio_channel(&self, args: &mut Arguments, index: usize, modern: bool) {
        let bus = format!("serial{index}");
        match (self.machine.bus, modern) {
            (Bus::Pci, false) => args.pair("-device", format!("virtio-serial-pci,id={bus}")),
            (Bus::Pci, true) => args.pair("-device", format!("virtio-serial-pci,id={bus},disable-legacy=on")),
            (Bus::Mmio, false) => args.pair("-device", format!("virtio-serial-device,id={bus}")),
            (Bus::Mmio, true) => {
                args.pair("-global", "virtio-mmio.force-legacy=false");
                args.pair("-device", format!("virtio-serial-device,id={bus}"));
            }
        }
        for other in 0..self.other_ports {
            args.pair("-device", format!("virtserialport,bus={bus}.0,name=org.example.port.{other}"));
        }
        args.pair(
            "-device",
            format!("virtserialport,bus={bus}.0,chardev=agent{index},id=port{index},name={PORT_NAME}"),
        );
    }
}

/// The file name of a channel's socket.
pub fn channel_socket(index: usize) -> String {
    format!("agent{index}.sock")
}

/// Where one of QEMU's programs is: in the folder that `NANOQGA_QEMU` names in the environment, or else in PATH.
///
/// # Errors
/// When it is not there.
pub fn program(name: &str) -> Result<PathBuf> {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        return find(name).with_context(|| format!("{name} is not installed; install QEMU's system emulators"));
    };
    let chosen = folder.join(name);
    if !chosen.is_file() {
        bail!("{name} is not in {}, which {FOLDER} names", folder.display());
    }
    Ok(chosen)
}

#[derive(Clone, Debug, Default)]
struct Arguments(Vec<String>);

impl Arguments {
    fn flag(&mut self, name: &str) {
        self.0.push(name.into());
    }

    fn pair(&mut self, name: &str, value: impl Into<String>) {
        self.0.extend([name.into(), value.into()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(machine: &str, channel: Channel) -> String {
        Config::new(Machine::named(machine).unwrap(), channel, Path::new("image")).arguments().join(" ")
    }

    #[test]
    fn nothing_but_what_is_asked_for_is_in_the_machine() {
        assert!(line("q35", Channel::Virtio).starts_with(
            "-no-user-config -nodefaults -display none -accel tcg -machine q35 -m 16384K -kernel image -no-reboot"
        ));
    }

    #[test]
    fn a_disk_that_firmware_boots_takes_the_kernels_place() {
        let line = |machine, firmware| {
            let mut config = Config::new(Machine::named(machine).unwrap(), Channel::Virtio, Path::new("image"));
            config.boot = Boot::Disk(Format::Qcow2, Some(firmware));
            config.arguments().join(" ")
        };
        let disk = "-drive if=none,id=boot,format=qcow2,file=image -device virtio-blk";
        let pc = line("q35", "firmware");
        assert!(!pc.contains("-kernel"), "{pc}");
        assert!(pc.contains(&format!("-bios firmware {disk}-pci,drive=boot,bootindex=0")), "{pc}");
        let riscv64 = line("riscv64-virt", "firmware");
        assert!(riscv64.contains(&format!("-kernel firmware {disk}-device,drive=boot")), "{riscv64}");
    }

    #[test]
    fn a_modern_device_has_no_legacy_interface() {
        assert!(line("pc", Channel::VirtioModern).contains("virtio-serial-pci,id=serial0,disable-legacy=on"));
        assert!(line("microvm", Channel::VirtioModern).contains("-global virtio-mmio.force-legacy=false"));
        assert!(!line("microvm", Channel::Virtio).contains("force-legacy"));
    }

    #[test]
    fn the_only_uart_is_a_channel_and_no_console() {
        let line = line("microvm", Channel::Com1);
        assert!(line.contains("-serial chardev:agent0"), "{line}");
        assert!(!line.contains("console"), "{line}");
    }

    #[test]
    fn a_device_is_on_the_machines_bus() {
        for (machine, device) in [("q35", "virtio-net-pci"), ("microvm", "virtio-net-device")] {
            let mut config = Config::new(Machine::named(machine).unwrap(), Channel::Virtio, Path::new("image"));
            let args = config.user_network().user_network().arguments();
            let [first, second] = ["net0", "net4"].map(|network| {
                let device = format!("{device},netdev={network}");
                args.iter().position(|arg| *arg == device).unwrap_or_else(|| panic!("no {device} in {args:?}"))
            });
            assert!(first < second);
        }
    }

    #[test]
    fn the_agents_port_comes_after_the_others() {
        let mut config = Config::new(Machine::named("q35").unwrap(), Channel::Virtio, Path::new("image"));
        config.other_ports = 15;
        let args = config.arguments();
        let ports: Vec<_> = args.iter().filter(|arg| arg.starts_with("virtserialport")).collect();
        assert_eq!(ports.len(), 16);
        assert!(ports[15].ends_with("name=org.qemu.guest_agent.0"), "{}", ports[15]);
    }
}
