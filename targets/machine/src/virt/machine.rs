//! The machine as a whole.

use heapless::Vec;
use virtio_drivers::transport::{DeviceType, Transport};

use super::io_ports::IoPorts;
use super::pci::{self, Pci};
use super::serial_port::{self, REGISTERS, SerialPort, first_serial_port, port_on_pci};
use super::start;
use crate::arch::{self, Interrupts, is_this_cpu};
use crate::clock::Clock;
use crate::command_line::Options;
use crate::device_tree::{Node, Tree};
use crate::entry::Handover;
use crate::heap;
use crate::log;
use crate::log::Value;
use crate::memory::{Ram, Window};
use crate::pci::{LEGACY_SIZE, MappedEcam, enable_serial, is_low};
use crate::processors::Processors;
use crate::serial_place::SerialPlace;
use crate::transport::{Device, DeviceTransport, MmioTransport, find_on_pci, log_unused, log_unused_on_pci, name_of};
use crate::tree;

/// Why the machine is still on: in words, for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerError(&'static str);

impl PowerError {
    /// The words.
    pub const fn reason(self) -> &'static str {
        self.0
    }
}

/// The machine that the guest runs on.
#[derive(Debug)]
pub struct Machine {
    options: Options,
    clock: Clock,
    ram: Vec<Ram, 16>,
    interrupts: Option<Interrupts>,
    pci: Option<Pci>,
    tree: &'static Tree<'static>,
}

impl Machine {
    /// Takes the machine over from its loader: memory, device tree and interrupts. The log is not printed before
    /// [`console::begin`](crate::console::begin).
    ///
    /// `own_word` is called with each word of the command line that the machine does not know, and returns whether the kernel
    /// knows it. Words that nobody knows are logged.
    pub fn start(handover: Handover, mut own_word: impl FnMut(&str) -> bool) -> Self {
        // SAFETY: The boot code got the address from the loader.
        let found = unsafe { start::tree_at(handover.start_info()) };
        // Without it there is no device that could be found, and nobody who could be told.
        let Some((tree, taken)) = found else { arch::halt() };
        let tree = tree::keep(tree);
        let ram = tree.ram();
        // SAFETY: The tree says itself where it lies.
        match unsafe { start::heap(&ram, tree, taken) } {
            Some(memory) => {
                log!("{} KiB of memory", memory.len() / 1024);
                heap::give(memory);
            }
            None => log!("no memory: the device tree names none"),
        }
        let command_line = tree.nodes().find_map(|node| node.string("bootargs")).unwrap_or_default();
        let options = Options::parse(command_line, |word| {
            if !own_word(word) {
                log!("unknown option {}", Value::copied(word));
            }
        });
        arch::park_other_cpus(tree);
        let interrupts = Interrupts::find(tree);
        if interrupts.is_none() {
            log!("no interrupt controller: the guest cannot sleep");
        }
        Self { options, clock: Clock::default(), ram, interrupts, pci: pci::start(tree), tree }
    }

    /// The command line's options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The clock.
    pub fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Finds the virtio devices of a type and switches them on, on PCI and at the board's own places, and hands each to
    /// `take`. Called once for a type.
    pub fn devices(&self, kind: DeviceType, take: &mut dyn FnMut(Device)) {
        if let Some(pci) = self.pci {
            // SAFETY: These ports are a virtio device's, and what is not RAM is mapped.
            let ports = |first: u32| Some(unsafe { IoPorts::new(pci.io?.find(first.into(), LEGACY_SIZE)?) });
            // SAFETY: `enable` gives nothing beyond 4 GiB, and what is not RAM there is mapped as devices.
            unsafe { find_on_pci(pci.space, kind, is_low, ports, |line| self.unmask(line), take) }
        }
        self.mmio_devices(&mut |transport, address, node| {
            if transport.device_type() == kind {
                log!("virtio {} at {}", name_of(kind), Value::Hex(address));
                if let Some(number) = node.interrupt().and_then(Interrupts::number) {
                    self.unmask(number);
                }
                take(Device { transport: DeviceTransport::Mmio(transport), pci: None });
            }
        });
    }

    /// Logs the devices that are there and not used: virtio's of other types than are `driven`, and others for which there is no
    /// driver.
    pub fn log_unused(&self, driven: &[DeviceType]) {
        if let Some(pci) = self.pci {
            log_unused_on_pci(&pci.space, driven, serial_port::is_pci_taken());
        }
        self.mmio_devices(&mut |transport, address, _| {
            log_unused(transport.device_type(), driven, Value::Hex(address));
        });
    }

    /// Looks at each of the board's own places, and hands the devices there to `take`.
    fn mmio_devices(&self, take: &mut dyn FnMut(MmioTransport, u64, &Node<'_>)) {
        for node in self.tree.compatible("virtio,mmio") {
            let Some((address, size)) = node.registers(0) else { continue };
            if address.saturating_add(size) > arch::MAPPED {
                log!("what is at {} lies out of reach", Value::Hex(address));
                continue;
            }
            let registers = Window { address, length: u32::try_from(size).unwrap_or(u32::MAX) };
            // SAFETY: The tree says that these are a virtio device's registers, if one is there; looking changes nothing, and of the
            // transports for one place, one is used.
            if let Some(transport) = unsafe { MmioTransport::new(registers) } {
                take(transport, address, &node);
            }
        }
    }

    /// The serial port at a place, unless it is absent or taken.
    pub fn serial_port(&self, place: SerialPlace) -> Option<SerialPort> {
        match place {
            SerialPlace::Com1 => {
                let interrupt = self.tree.compatible("ns16550a").find_map(|node| node.interrupt());
                interrupt.and_then(Interrupts::number).into_iter().for_each(|number| self.unmask(number));
                first_serial_port()
            }
            SerialPlace::Com2 => self.serial_port_on_pci(),
            SerialPlace::Com3 | SerialPlace::Com4 => None,
        }
    }

    /// The first serial port on PCI, unless it is absent or taken.
    pub fn serial_port_on_pci(&self) -> Option<SerialPort> {
        let mut pci = self.pci?;
        let (first, interrupt) = enable_serial(&mut pci.space)?;
        interrupt.into_iter().for_each(|number| self.unmask(number.into()));
        port_on_pci(pci.io?.find(first.into(), REGISTERS)?)
    }

    /// PCI's configuration space.
    pub(super) fn pci_space(&self) -> Option<MappedEcam> {
        Some(self.pci?.space)
    }

    /// Lets an interrupt wake the guest.
    pub(crate) fn unmask(&self, number: u32) {
        if let Some(interrupts) = &self.interrupts {
            interrupts.unmask(number);
        }
    }

    /// The device tree.
    pub(super) const fn tree(&self) -> &'static Tree<'static> {
        self.tree
    }

    /// The processors, of which only the one that the machine was started on runs.
    pub fn processors(&self) -> Processors {
        let all = self.tree.processors();
        let this = self.tree.processors().position(|node| node.registers(0).is_some_and(|(id, _)| is_this_cpu(id)));
        this.map_or(Processors::ONE, |boot| Processors { count: all.count(), boot })
    }

    /// The RAM, as the tree has it: none if it names none.
    pub fn ram(&self) -> &[Ram] {
        &self.ram
    }

    /// What firmware left at a physical address, where its place says what it is: nothing is, on these machines.
    pub const fn left_by_firmware(&self, _: u64, _: usize) -> Option<&[u8]> {
        None
    }

    /// Whether the machine has what ends a sleep. Where not, [`sleep`](Self::sleep) returns at once.
    pub const fn can_sleep(&self) -> bool {
        self.interrupts.is_some()
    }

    /// Sleeps until a device has something for the guest. What came since the devices were last asked ends it at once.
    pub fn sleep(&self) {
        match &self.interrupts {
            Some(interrupts) => interrupts.sleep(),
            None => core::hint::spin_loop(),
        }
    }

    /// Switches the machine off.
    ///
    /// # Errors
    /// When it comes back, the machine is still on.
    pub fn power_off(&mut self) -> Result<(), PowerError> {
        arch::power_off();
        Err(PowerError("this machine's firmware could not switch it off"))
    }

    /// Resets the machine.
    pub fn reboot(&mut self) -> ! {
        arch::reboot();
        log!("this machine's firmware could not reset it");
        arch::halt()
    }
}
