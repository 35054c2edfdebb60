//! The machine as a whole.

use heapless::Vec;
use virtio_drivers::transport::{DeviceType, Transport};

use super::config_space::ConfigSpace;
use super::io_ports::IoPorts;
use super::power::{self, PowerError};
use super::serial_port::{self, SerialPort};
use super::{clock, ends, firmware, microvm};
use crate::acpi::{Madt, Tables};
use crate::arch::identity_map::{self, IdentityMap};
#[cfg(feature = "xen")]
use crate::arch::sleep_by;
use crate::arch::{Interrupts, apic_id, exceptions};
use crate::clock::Clock;
use crate::command_line::{MmioDevice, Options};
use crate::entry::Handover;
use crate::heap;
use crate::log;
use crate::log::Value;
use crate::memory::{Memory, Ram};
use crate::processors::Processors;
use crate::serial_place::SerialPlace;
use crate::transport::{Device, DeviceTransport, MmioTransport, find_on_pci, log_unused, log_unused_on_pci, name_of};
#[cfg(feature = "xen")]
use crate::xen::Domain;
use crate::{multiboot2, pci, pvh};

/// The machine that the guest runs on.
#[derive(Debug)]
pub struct Machine {
    options: Options,
    clock: Clock,
    ram: Vec<Ram, 16>,
    madt: Option<Madt<'static>>,
    interrupts: Interrupts,
    config_space: Option<ConfigSpace>,
    is_microvm: bool,
}

impl Machine {
    /// Takes the machine over from its loader: exceptions, memory, tables and interrupts. The log is not printed before
    /// [`console::begin`](crate::console::begin).
    ///
    /// `own_word` is called with each word of the command line that the machine does not know, and returns whether the kernel
    /// knows it. Words that nobody knows are logged.
    pub fn start(handover: Handover, mut own_word: impl FnMut(&str) -> bool) -> Self {
        let start_info = handover.start_info();
        exceptions::install();
        let memory = IdentityMap::before_heap();
        let start_info = pvh::read(&memory, start_info).or_else(|| multiboot2::read(&memory, start_info));
        let unknown = |word: &str| {
            if !own_word(word) {
                log!("unknown option {}", Value::copied(word));
            }
        };
        let options = match &start_info {
            Some(info) => Options::parse(info.command_line, unknown),
            None => Options::default(),
        };
        let (ram, kept, rsdp) = start_info.map_or((Vec::new(), 0..0, 0), |info| (info.ram, info.kept, info.rsdp));
        let (memory, heap_memory) = IdentityMap::with_heap(&ram, kept);
        match heap_memory {
            Some(heap_memory) => {
                log!("{} KiB of memory", heap_memory.len() / 1024);
                heap::give(heap_memory);
            }
            None => log!("no memory map from the loader"),
        }
        let tables = firmware::find(memory, rsdp);
        ends::keep(options.debug_exit);
        let madt = tables.and_then(Tables::madt);
        let interrupts = Interrupts::new(madt);
        // Every other PC has these ports.
        let is_microvm = !ConfigSpace::has_ports();
        let config_space = match is_microvm {
            true => microvm::pci(),
            false => Some(ConfigSpace::find(tables.and_then(Tables::ecam))),
        };
        clock::begin();
        Self { options, clock: Clock::default(), ram, madt, interrupts, config_space, is_microvm }
    }

    /// The command line's options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The clock.
    pub fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Finds the virtio devices of a type and switches them on, on PCI and at a microvm's places, and hands each to `take`.
    /// Called once for a type.
    pub fn devices(&self, kind: DeviceType, take: &mut dyn FnMut(Device)) {
        if let Some(config_space) = self.config_space {
            let unmask = |line| self.interrupts.unmask(line);
            // SAFETY: These ports are a virtio device's.
            let ports = |first| Some(unsafe { IoPorts::new(u16::try_from(first).ok()?) });
            // SAFETY: What can be reached is mapped for ever, and nothing else lies where a device's registers do.
            unsafe { find_on_pci(config_space, kind, identity_map::reach, ports, unmask, take) }
        }
        self.mmio_devices(&mut |transport, place| {
            if transport.device_type() == kind {
                log!("virtio {} at {}", name_of(kind), Value::Hex(place.address));
                self.interrupts.unmask(place.irq);
                take(Device { transport: DeviceTransport::Mmio(transport), pci: None });
            }
        });
    }

    /// Logs the devices that are there and not used: virtio's of other types than are `driven`, and others for which there is no
    /// driver.
    pub fn log_unused(&self, driven: &[DeviceType]) {
        if let Some(config_space) = self.config_space {
            log_unused_on_pci(&config_space, driven, serial_port::is_pci_taken());
        }
        self.mmio_devices(&mut |transport, place| {
            log_unused(transport.device_type(), driven, Value::Hex(place.address));
        });
        serial_port::log_unused();
    }

    /// Looks at each of a microvm's places, and hands the devices there to `take`.
    fn mmio_devices(&self, take: &mut dyn FnMut(MmioTransport, &MmioDevice)) {
        let announced = &self.options.mmio_devices;
        let is_announced = |slot: &MmioDevice| announced.iter().any(|device| device.address == slot.address);
        // Without tables, the command line has all.
        let has_slots = self.is_microvm && (firmware::tables().is_some() || announced.is_empty());
        let slots = microvm::slots().filter(|slot| has_slots && !is_announced(slot));
        for place in slots.chain(announced.iter().cloned()) {
            if let Some(transport) = microvm::device(&place) {
                take(transport, &place);
            }
        }
    }

    /// The serial port at a place, unless it is absent or taken.
    pub fn serial_port(&self, place: SerialPlace) -> Option<SerialPort> {
        let port = serial_port::at_place(place)?;
        self.unmask_isa(match place {
            SerialPlace::Com1 | SerialPlace::Com3 => 4,
            SerialPlace::Com2 | SerialPlace::Com4 => 3,
        });
        Some(port)
    }

    /// The first serial port on PCI, unless it is absent or taken.
    pub fn serial_port_on_pci(&self) -> Option<SerialPort> {
        let (first, line) = pci::enable_serial(&mut self.config_space?)?;
        line.into_iter().for_each(|line| self.interrupts.unmask(line.into()));
        serial_port::on_pci(u16::try_from(first).ok()?)
    }

    /// PCI's configuration space.
    pub(super) const fn config_space(&self) -> Option<ConfigSpace> {
        self.config_space
    }

    /// Whether it is a microvm.
    pub(super) const fn is_microvm(&self) -> bool {
        self.is_microvm
    }

    /// The interrupt controllers.
    pub(super) const fn interrupts(&self) -> &Interrupts {
        &self.interrupts
    }

    /// Lets an ISA interrupt wake the guest. The tables say where it arrives, if that is elsewhere.
    pub(super) fn unmask_isa(&self, irq: u8) {
        let elsewhere = self.madt.and_then(|madt| madt.overrides().find(|entry| entry.irq == irq));
        self.interrupts.unmask(elsewhere.map_or(irq.into(), |entry| entry.gsi));
    }

    /// The processors, of which only the one that the machine was started on runs.
    pub fn processors(&self) -> Processors {
        self.madt.map_or(Processors::ONE, |madt| madt.processors(apic_id()))
    }

    /// The RAM, as the loader's memory map has it: none if it gave none.
    pub fn ram(&self) -> &[Ram] {
        &self.ram
    }

    /// So many bytes that firmware left at a physical address. `None` if memory of the guest is there.
    pub fn left_by_firmware(&self, address: u64, length: usize) -> Option<&[u8]> {
        firmware::memory()?.bytes(address, length)
    }

    /// The domain of Xen that the machine is, where that has no interrupt controller of a PC: other domains end its sleeps.
    #[cfg(feature = "xen")]
    pub fn domain(&self) -> Option<Domain> {
        Domain::find().filter(|_| !self.interrupts.can_sleep())
    }

    /// Whether the machine has what ends a sleep. Where not, [`sleep`](Self::sleep) returns at once.
    pub fn can_sleep(&self) -> bool {
        #[cfg(feature = "xen")]
        if self.domain().is_some() {
            return true;
        }
        self.interrupts.can_sleep()
    }

    /// Sleeps until a device has something for the guest. What came since the devices were last asked ends it at once.
    pub fn sleep(&self) {
        #[cfg(feature = "xen")]
        if let Some(domain) = self.domain() {
            return sleep_by(|| domain.sleep());
        }
        self.interrupts.sleep_unless(serial_port::is_waiting);
    }

    /// Switches the machine off.
    ///
    /// # Errors
    /// When it comes back, the machine is still on.
    pub fn power_off(&mut self) -> Result<(), PowerError> {
        #[cfg(feature = "xen")]
        if let Some(domain) = Domain::find() {
            domain.power_off();
        }
        power::off()
    }

    /// Resets the machine.
    pub fn reboot(&mut self) -> ! {
        #[cfg(feature = "xen")]
        if let Some(domain) = Domain::find() {
            domain.reboot();
        }
        power::reboot()
    }
}
