//! Machines whose devices are where few look for them, or speak as few do: each row must answer, and its log must name what is
//! there and not used.

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::booted::{config_of, synchronise, synchronise_after_firmware};
use tests::images::{APPLIANCE, NANO, Profile};
use tests::processor::rests;
use tests::soon;

/// The agent's port, on the console before it.
const PORT: &str = "virtserialport,chardev=agent0,name=org.qemu.guest_agent.0";
const CONSOLE: &str = "virtio-serial-pci";
const IOMMU: &str = "virtio-serial-pci,disable-legacy=on,iommu_platform=on";
const MMIO_IOMMU: &str = "virtio-serial-device,iommu_platform=on";
const PIO_NOTIFY: &str = "virtio-serial-pci,modern-pio-notify=on";

/// A machine, and what its guest must do.
struct Row {
    profiles: &'static [&'static Profile],
    machine: &'static str,
    /// More of QEMU's arguments, by their names.
    arguments: &'static [(&'static str, &'static str)],
    /// Devices, after the socket `agent0` of the agent's host.
    devices: &'static [&'static str],
    /// The kernel command line.
    append: &'static str,
    /// Whether the agent is on a serial line.
    serial: bool,
    /// Whether it must take less than a hundredth of a core when it has nothing to do.
    idle: bool,
    /// What the log must have.
    log: &'static [&'static str],
}

const ROW: Row = Row {
    profiles: &[&NANO, &APPLIANCE],
    machine: "q35",
    arguments: &[],
    devices: &[],
    append: "",
    serial: false,
    idle: false,
    log: &[],
};

impl Row {
    fn answers(&self) -> Result<()> {
        self.profiles.iter().try_for_each(|profile| self.is_answered_by(profile).context(profile.name))
    }

    fn is_answered_by(&self, profile: &Profile) -> Result<()> {
        let mut config = config_of(profile, self.machine, Channel::Virtio)?;
        config.channels.clear();
        config.append = self.append.into();
        config.argument("-chardev", "socket,id=agent0,path=agent0.sock,server=on,wait=off");
        for (name, value) in self.arguments {
            config.argument(name, *value);
        }
        for device in self.devices {
            config.argument("-device", *device);
        }
        let mut guest = Guest::start(&config)?;
        let mut agent = guest.connect(soon())?;
        match self.serial {
            true => synchronise_after_firmware(&mut agent, 1),
            false => synchronise(&mut agent, 1),
        }
        .with_context(|| guest.tails())?;
        // After a sleep, too: an interrupt must end it.
        guest.console_shows("ready: ", soon())?;
        synchronise(&mut agent, 2)?;
        if self.idle {
            rests(guest.pid(), 0.01)?;
            synchronise(&mut agent, 3)?;
        }
        for line in self.log {
            guest.console_shows(line, soon())?;
            if profile.name == APPLIANCE.name {
                let log = agent.execute("nanoqga-log", json!({}), soon())?.to_string();
                ensure!(log.contains(line), "nanoqga-log has no '{line}': {log}");
            }
        }
        Ok(())
    }
}

macro_rules! rows {
    ($($name:ident: $($field:ident = $value:expr),*;)*) => {$(
        #[test]
        fn $name() -> Result<()> {
            Row { $($field: $value,)* ..ROW }.answers()
        }
    )*};
}

const MODERN_MMIO: (&str, &str) = ("-global", "virtio-mmio.force-legacy=false");
const APPLIANCE_ALONE: &[&Profile] = &[&APPLIANCE];

rows! {
    // VIRTIO_F_ACCESS_PLATFORM, without an IOMMU and with one that translates nothing.
    behind_an_iommu_q35: devices = &[IOMMU, PORT];
    behind_an_iommu_pc: machine = "pc", devices = &[IOMMU, PORT];
    behind_an_iommu_that_is_there: devices = &["intel-iommu", IOMMU, PORT];
    behind_an_iommu_microvm: machine = "microvm", arguments = &[MODERN_MMIO], devices = &[MMIO_IOMMU, PORT];
    behind_an_iommu_aarch64: machine = "aarch64-virt", devices = &[IOMMU, PORT];
    behind_an_iommu_aarch64_mmio: machine = "aarch64-virt", arguments = &[MODERN_MMIO], devices = &[MMIO_IOMMU, PORT];
    behind_an_iommu_riscv64: machine = "riscv64-virt", devices = &[IOMMU, PORT];
    behind_an_iommu_riscv64_mmio: machine = "riscv64-virt", arguments = &[MODERN_MMIO], devices = &[MMIO_IOMMU, PORT];

    // A structure in I/O ports before the same in memory.
    notified_by_ports_q35: devices = &[PIO_NOTIFY, PORT];
    notified_by_ports_pc: machine = "pc", devices = &[PIO_NOTIFY, PORT];
    notified_by_ports_aarch64: machine = "aarch64-virt", devices = &[PIO_NOTIFY, PORT];
    notified_by_ports_riscv64: machine = "riscv64-virt", devices = &[PIO_NOTIFY, PORT];

    // Root buses that no bridge leads to.
    root_bus_q35: devices = &["pxb-pcie,bus_nr=8,id=root", "pcie-root-port,bus=root,id=rp",
        "virtio-serial-pci,bus=rp", PORT];
    second_root_bus_q35: devices = &["pxb-pcie,bus_nr=8,id=root", "pxb-pcie,bus_nr=100,id=other,bus=pcie.0",
        "pcie-root-port,bus=other,id=rp", "virtio-serial-pci,bus=rp", PORT];
    root_bus_pc: machine = "pc", devices = &["pxb,bus_nr=8,id=root", "virtio-serial-pci,bus=root", PORT];
    root_bus_aarch64: machine = "aarch64-virt", devices = &["pxb-pcie,bus_nr=8,id=root",
        "pcie-root-port,bus=root,id=rp", "virtio-serial-pci,bus=rp", PORT];

    // Entered at EL3, with a GIC of either version, with and without EL2.
    el3: machine = "aarch64-virt", arguments = &[("-machine", "secure=on,gic-version=3")], devices = &[CONSOLE, PORT];
    el3_gic_v2: machine = "aarch64-virt", arguments = &[("-machine", "secure=on")],
        devices = &["virtio-serial-device", PORT];
    el3_above_el2: machine = "aarch64-virt", arguments = &[("-machine", "secure=on,virtualization=on,gic-version=3")],
        devices = &[CONSOLE, PORT];

    // RISC-V's advanced interrupt controller; harts that nobody else starts.
    aplic: machine = "riscv64-virt", arguments = &[("-machine", "aia=aplic"), ("-smp", "4")],
        devices = &["virtio-serial-device", PORT], idle = true;
    aplic_pci: machine = "riscv64-virt", arguments = &[("-machine", "aia=aplic")], devices = &[CONSOLE, PORT], idle = true;
    imsic: machine = "riscv64-virt", arguments = &[("-machine", "aia=aplic-imsic"), ("-smp", "4")],
        devices = &["virtio-serial-device", PORT], idle = true;
    imsic_pci: machine = "riscv64-virt", arguments = &[("-machine", "aia=aplic-imsic")], devices = &[CONSOLE, PORT],
        idle = true;
    four_harts: machine = "riscv64-virt", arguments = &[("-smp", "4")], devices = &["virtio-serial-device", PORT],
        idle = true;

    // PCI that no firmware has set up, on a PC.
    pci_microvm: machine = "microvm", arguments = &[("-machine", "pcie=on")], devices = &[CONSOLE, PORT];
    bridge_microvm: machine = "microvm", arguments = &[("-machine", "pcie=on")],
        devices = &["pcie-root-port,id=rp", "virtio-serial-pci,bus=rp", PORT];
    // A word for one slot, and a device in another.
    slot_beside_a_word: machine = "microvm", devices = &["virtio-serial-device", PORT],
        append = "virtio_mmio.device=512@0xfeb00e00:12";

    // More consoles than are served, the port on the last one.
    the_last_of_twelve_consoles: devices = &[CONSOLE, CONSOLE, CONSOLE, CONSOLE, CONSOLE, CONSOLE, CONSOLE, CONSOLE,
        CONSOLE, CONSOLE, CONSOLE, "virtio-serial-pci,id=last",
        "virtserialport,bus=last.0,chardev=agent0,name=org.qemu.guest_agent.0"],
        log = &["it has no port for the agent"];

    // A console without named ports is somebody's terminal, unless the host says that it is the agent's. Even then a named port
    // counts.
    terminal_is_left_alone: devices = &["virtio-serial-pci,id=single,max_ports=1", "virtconsole,bus=single.0",
        "virtio-serial-pci,id=many", "virtserialport,bus=many.0,chardev=agent0,name=org.qemu.guest_agent.0"],
        log = &["does not offer multiple ports"];
    named_port_beside_a_terminal: profiles = APPLIANCE_ALONE, devices = &[CONSOLE, "virtconsole", PORT],
        append = "agent=console";
    console_modern_mmio: profiles = APPLIANCE_ALONE, machine = "microvm", arguments = &[MODERN_MMIO],
        devices = &["virtio-serial-device,max_ports=1", "virtconsole,chardev=agent0"], append = "agent=console",
        serial = true, idle = true;
    console_modern_pci: profiles = APPLIANCE_ALONE, machine = "riscv64-virt",
        devices = &["virtio-serial-pci,max_ports=1,disable-legacy=on", "virtconsole,chardev=agent0"],
        append = "agent=console", serial = true;

    // Serial ports beside the usual two.
    com3: profiles = APPLIANCE_ALONE, devices = &["isa-serial,index=2,chardev=agent0"], serial = true;
    com4: profiles = APPLIANCE_ALONE, machine = "pc", devices = &["isa-serial,index=3,chardev=agent0"], serial = true;
    com4_by_a_word: profiles = APPLIANCE_ALONE, devices = &[CONSOLE, "virtserialport,name=org.qemu.guest_agent.0",
        "isa-serial,index=3,chardev=agent0"], append = "agent=com4", serial = true;
    pci_serial_q35: profiles = APPLIANCE_ALONE, devices = &["pci-serial,chardev=agent0"], serial = true;
    pci_serial_behind_a_bridge: profiles = APPLIANCE_ALONE, devices = &["pcie-pci-bridge,id=bridge",
        "pci-serial,chardev=agent0,bus=bridge,addr=1"], serial = true;
    pci_serial_by_a_word: profiles = APPLIANCE_ALONE, machine = "pc",
        devices = &["isa-serial,index=1", "pci-serial,chardev=agent0"], append = "agent=pci", serial = true;
    pci_serial_behind_a_bridge_aarch64: machine = "aarch64-virt", devices = &["pcie-pci-bridge,id=bridge",
        "pci-serial,chardev=agent0,bus=bridge,addr=1"], serial = true;
    port_of_another_name: profiles = APPLIANCE_ALONE, devices = &[CONSOLE,
        "virtserialport,name=org.qemu.guest_agent.0", "virtserialport,chardev=agent0,name=org.example.0"],
        append = "port=org.example.0";
    // What is there and not used is named.
    unused_q35: profiles = APPLIANCE_ALONE, devices = &[CONSOLE, PORT, "virtio-rng-pci", "e1000", "pci-serial",
        "isa-serial,index=2", "virtio-balloon-pci,disable-legacy=on"], append = "agent=virtio",
        log = &["device 0x1af41005 of class", "device 0x8086100e of class 0x200 at 00:", "device 0x1b360002 of class 0x700",
            "device 0x1af41045 of class", "serial port com3 is not used"];
    unused_microvm: profiles = APPLIANCE_ALONE, machine = "microvm",
        devices = &["virtio-serial-device", PORT, "virtio-rng-device"], log = &["virtio device of type 4 at 0xfeb02c00"];
    unused_aarch64: profiles = APPLIANCE_ALONE, machine = "aarch64-virt",
        devices = &["virtio-rng-device", CONSOLE, PORT, "virtio-gpu-pci", "pci-serial"], append = "agent=virtio",
        log = &["virtio device of type 4 at", "device 0x1af41050 of class", "device 0x1b360002 of class 0x700"];
    a_word_that_nobody_knows: devices = &[CONSOLE, PORT], append = "agent=com7", log = &["unknown option agent=com7"];
}

/// COM3 has the interrupt line of COM1, on which the log is printed: a request that comes meanwhile is answered, too.
#[test]
fn com3_is_heard_while_the_log_is_printed() -> Result<()> {
    const UNUSED: &str = "virtio-rng-pci";
    // Four boots of five met the moment.
    for _ in 0..8 {
        let mut config = config_of(&APPLIANCE, "q35", Channel::Virtio)?;
        config.channels.clear();
        config.argument("-chardev", "socket,id=agent0,path=agent0.sock,server=on,wait=off");
        config.argument("-device", "isa-serial,index=2,chardev=agent0");
        (0..12).for_each(|_| _ = config.argument("-device", UNUSED));
        let mut guest = Guest::start(&config)?;
        let mut agent = guest.connect(soon())?;
        synchronise_after_firmware(&mut agent, 1).with_context(|| guest.tails())?;
        // The log names what is not used after a few idle moments, so between two of these.
        for _ in 0..100 {
            agent.execute("guest-ping", json!({}), soon()).with_context(|| guest.tails())?;
        }
        guest.console_shows("is not used", soon())?;
    }
    Ok(())
}
