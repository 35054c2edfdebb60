//! The machine as a whole.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU8, Ordering};

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::clock::Clock;
use super::config_space::ConfigSpace;
#[cfg(feature = "appliance")]
use super::hardware::Hardware;
use super::identity_map::IdentityMap;
use super::interrupts::Interrupts;
use super::power::{self, PowerError};
#[cfg(feature = "appliance")]
use super::power_button::PowerButton;
#[cfg(feature = "appliance")]
use super::suspend::SuspendError;
#[cfg(feature = "appliance")]
use super::timer::Timer;
use super::{exceptions, halt, port, virtio_mmio};
use crate::acpi::{Fadt, SleepTypes, Tables};
use crate::cell::FoundAtBoot;
use crate::command_line::Options;
use crate::console;
use crate::heap;
use crate::log;
use crate::pci;
#[cfg(feature = "appliance")]
use crate::pci::SavedConfiguration;
use crate::pvh::StartInfo;
use crate::transport::{DeviceTransport, PciTransport};

/// The interrupts of COM1 and COM2.
const SERIAL_IRQS: [u8; 2] = [4, 3];
/// QEMU's isa-debug-exit ends it with twice this plus one.
const PANIC_EXIT: u32 = 16;

/// How the guest can end.
static EXITS: FoundAtBoot<Exits> = FoundAtBoot::new();

#[derive(Debug)]
struct Exits {
    debug_exit: Option<u16>,
    fadt: Option<Fadt>,
    power_off: Option<SleepTypes>,
}

/// A virtio device and where it was found.
#[derive(Debug)]
pub struct Device {
    /// The way to it.
    pub transport: DeviceTransport,
    /// Its place on PCI; `None` for a memory-mapped one.
    pub pci: Option<DeviceFunction>,
}

const fn name_of(kind: DeviceType) -> &'static str {
    match kind {
        DeviceType::Network => "network card",
        DeviceType::Block => "disk",
        _ => "console",
    }
}

/// The machine that the guest runs on.
#[derive(Debug)]
pub struct Machine {
    options: Options,
    clock: Clock,
    interrupts: Interrupts,
    config_space: Option<ConfigSpace>,
    exits: &'static Exits,
    #[cfg(feature = "appliance")]
    hardware: Hardware,
}

impl Machine {
    /// Takes the machine over from its loader: exceptions, memory, tables and interrupts. The log is held back until it is
    /// given a port or silenced.
    ///
    /// `start_info` is the argument of the image's `kernel_main`. Called once.
    pub fn start(start_info: u64) -> Self {
        exceptions::install();
        let memory = IdentityMap::before_heap();
        let start_info = StartInfo::read(&memory, start_info);
        let options = match &start_info {
            Some(info) => Options::parse(info.command_line, |word| log!("unknown option {word}")),
            None => Options::default(),
        };
        let (memory, heap_memory) = IdentityMap::with_heap(start_info.as_ref().map_or(&[], |info| &info.ram));
        match heap_memory {
            Some(heap_memory) => {
                log!("{} KiB of memory", heap_memory.len() / 1024);
                heap::give(heap_memory);
            }
            None => log!("no memory: the loader gave no memory map"),
        }
        let tables = Tables::find(&memory, start_info.as_ref().map_or(0, |info| info.rsdp));
        let fadt = tables.as_ref().and_then(Tables::fadt);
        let power_off = tables.as_ref().zip(fadt.as_ref()).and_then(|(tables, fadt)| tables.power_off_types(fadt));
        let exits = EXITS.give(Exits { debug_exit: options.debug_exit, fadt, power_off });
        let madt = tables.as_ref().and_then(Tables::madt);
        let interrupts = Interrupts::new(madt);
        let gsi = |irq: u8| {
            let elsewhere = madt.and_then(|madt| madt.overrides().find(|entry| entry.irq == irq));
            elsewhere.map_or(irq.into(), |entry| entry.gsi)
        };
        for irq in SERIAL_IRQS {
            interrupts.unmask(gsi(irq));
        }
        let config_space = ConfigSpace::find(tables.as_ref().and_then(Tables::ecam));
        #[cfg(feature = "appliance")]
        let hardware = Hardware::find(start_info, tables.as_ref(), exits.fadt.as_ref(), &interrupts, gsi);
        Self {
            options,
            clock: Clock::new(exits.fadt.as_ref()),
            interrupts,
            config_space,
            exits,
            #[cfg(feature = "appliance")]
            hardware,
        }
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
    pub fn devices(&self, kind: DeviceType, mut take: impl FnMut(Device)) {
        if let Some(config_space) = self.config_space {
            pci::scan(&config_space, |at, id| {
                if pci::virtio_device(id) == Some(kind)
                    && let Some(transport) = self.pci_device(kind, config_space, at)
                {
                    take(Device { transport, pci: Some(at) });
                }
            });
        }
        let announced = &self.options.mmio_devices;
        let on_microvm = announced.is_empty() && !ConfigSpace::has_ports();
        let places = virtio_mmio::slots().filter(|_| on_microvm).chain(announced.iter().cloned());
        for place in places {
            if let Some(transport) = virtio_mmio::device(kind, &place) {
                log!("virtio {} at {:#x}", name_of(kind), place.address);
                self.interrupts.unmask(place.irq);
                take(Device { transport: DeviceTransport::Mmio(transport), pci: None });
            }
        }
    }

    fn pci_device(&self, kind: DeviceType, mut access: ConfigSpace, at: DeviceFunction) -> Option<DeviceTransport> {
        let (structures, line) = match pci::enable(&mut access, at) {
            Ok(enabled) => enabled,
            Err(reason) => {
                log!("virtio {} at {at}: {reason}", name_of(kind));
                return None;
            }
        };
        log!("virtio {} at {at}", name_of(kind));
        if let Some(line) = line {
            self.interrupts.unmask(line.into());
        }
        // SAFETY: `enable` found them in a device of this type, below 4 GiB; each is looked at once.
        Some(DeviceTransport::Pci(unsafe { PciTransport::new(kind, structures) }))
    }

    /// What the machine is made of.
    #[cfg(feature = "appliance")]
    pub const fn hardware(&self) -> &Hardware {
        &self.hardware
    }

    /// Whether the machine has what ends a sleep. Where not, [`sleep`](Self::sleep) returns at once.
    #[cfg(feature = "appliance")]
    pub fn can_sleep(&self) -> bool {
        self.interrupts.can_sleep()
    }

    /// Sleeps until a device has something for the guest. What came since the devices were last asked ends it at once.
    pub fn sleep(&self) {
        self.interrupts.sleep();
    }

    /// The same, but for no longer than `ns` nanoseconds. It may end early; on a machine that cannot sleep so, it is over at
    /// once.
    #[cfg(feature = "appliance")]
    pub fn sleep_for(&self, ns: u64) {
        if let Some(timer) = &self.hardware.timer {
            timer.sleep_for(ns, || self.sleep());
        }
    }

    /// The same for a moment, of about a millisecond on virtual machines, and without the clock, which takes longer than that to
    /// be made.
    #[cfg(feature = "appliance")]
    pub fn doze(&self) {
        if let Some(timer) = &self.hardware.timer {
            timer.doze(|| self.sleep());
        }
    }

    /// Whether the machine can sleep with its memory kept.
    #[cfg(feature = "appliance")]
    pub const fn can_suspend(&self) -> bool {
        self.hardware.suspend.is_some()
    }

    /// Sleeps with the memory kept until somebody wakes the machine; returns at once, with the reason in the log, where
    /// that does not work. The drivers must have put their devices to rest, and have to set them up again: they are as
    /// after a reset, but at the same places.
    #[cfg(feature = "appliance")]
    pub fn suspend(&mut self) {
        log!("suspending");
        match self.try_to_suspend() {
            Ok(()) => log!("woken"),
            Err(error) => log!("{error}"),
        }
    }

    #[cfg(feature = "appliance")]
    fn try_to_suspend(&mut self) -> Result<(), SuspendError> {
        let Hardware { suspend, power_button, timer, .. } = &self.hardware;
        let suspend = suspend.as_ref().ok_or(SuspendError::NoEffect)?;
        // The window to configuration space in memory is among what is lost.
        let mut pci = ConfigSpace::Ports;
        let configuration = SavedConfiguration::take(&pci).ok_or(SuspendError::TooManyDevices)?;
        let unmasked = self.interrupts.unmasked();
        let time = self.clock.before_sleep();
        suspend.sleep()?;
        exceptions::install();
        configuration.restore(&mut pci);
        self.interrupts.restore(&unmasked);
        timer.iter().for_each(Timer::set_up);
        power_button.iter().for_each(PowerButton::rearm);
        self.clock.after_sleep(&time);
        console::reopen();
        Ok(())
    }

    /// Switches the machine off.
    ///
    /// # Errors
    /// When it comes back, the machine is still on.
    pub fn power_off(&mut self) -> Result<(), PowerError> {
        let fadt = self.exits.fadt.as_ref().ok_or(PowerError::NoAcpi)?;
        power::enter(fadt, self.exits.power_off)
    }

    /// Resets the machine.
    pub fn reboot(&mut self) -> ! {
        power::reboot(self.exits.fadt.as_ref())
    }
}

/// The end of a guest that cannot go on: tells why and leaves, with a failure where the machine has a way to say so.
pub fn die(info: &PanicInfo<'_>) -> ! {
    static DEPTH: AtomicU8 = AtomicU8::new(0);
    // A panic on the way out skips the step that it came from.
    let depth = DEPTH.fetch_add(1, Ordering::Relaxed);
    if depth == 0 {
        // SAFETY: This is the end, and the first time that it comes.
        unsafe { console::last_words(format_args!("{info}")) };
    }
    let Some(exits) = EXITS.get() else { halt() };
    if depth <= 1
        && let Some(exit) = exits.debug_exit
    {
        // SAFETY: Whoever started the guest says that this port ends it.
        unsafe { port::write_u32(exit, PANIC_EXIT) };
    }
    if depth <= 2
        && let Some(fadt) = &exits.fadt
    {
        // There is nothing else left to try.
        let _ = power::enter(fadt, exits.power_off);
    }
    halt()
}
