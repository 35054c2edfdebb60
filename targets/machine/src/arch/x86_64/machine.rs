//! The machine as a whole.

use virtio_drivers::transport::DeviceType;

use super::config_space::ConfigSpace;
#[cfg(feature = "appliance")]
use super::hardware::Hardware;
use super::identity_map::{self, IdentityMap};
use super::interrupts::Interrupts;
use super::power::{self, PowerError};
#[cfg(feature = "appliance")]
use super::power_button::PowerButton;
#[cfg(feature = "appliance")]
use super::suspend::SuspendError;
#[cfg(feature = "appliance")]
use super::timer::Timer;
use super::{clock, exceptions, port, virtio_mmio};
use crate::acpi::{Fadt, SleepTypes, Tables};
use crate::cell::FoundAtBoot;
use crate::clock::Clock;
use crate::command_line::Options;
#[cfg(feature = "appliance")]
use crate::console;
use crate::heap;
use crate::log;
#[cfg(feature = "appliance")]
use crate::pci::SavedConfiguration;
use crate::start_info::StartInfo;
use crate::transport::{Device, DeviceTransport, find_on_pci, name_of};

/// The interrupts of COM1 and COM2.
const SERIAL_IRQS: [u8; 2] = [4, 3];
/// QEMU's isa-debug-exit ends it with twice this plus one.
const PANIC_EXIT: u32 = 16;

/// The ways out for a guest that cannot go on, the best one first.
pub(crate) const EXITS: [fn(); 2] = [exit_with_failure, power_off_if_known];

/// How the guest can end.
static ENDS: FoundAtBoot<Ends> = FoundAtBoot::new();

#[derive(Debug)]
struct Ends {
    debug_exit: Option<u16>,
    fadt: Option<Fadt>,
    power_off: Option<SleepTypes>,
}

/// The machine that the guest runs on.
#[derive(Debug)]
pub struct Machine {
    options: Options,
    clock: Clock,
    interrupts: Interrupts,
    config_space: Option<ConfigSpace>,
    ends: &'static Ends,
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
        let (ram, kept) = start_info.as_ref().map_or((&[][..], 0..0), |info| (&info.ram[..], info.kept.clone()));
        let (memory, heap_memory) = IdentityMap::with_heap(ram, kept);
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
        let ends = ENDS.give(Ends { debug_exit: options.debug_exit, fadt, power_off });
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
        let hardware = Hardware::find(start_info, tables.as_ref(), ends.fadt.as_ref(), &interrupts, gsi);
        clock::begin(ends.fadt.as_ref());
        Self {
            options,
            clock: Clock::default(),
            interrupts,
            config_space,
            ends,
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
            let unmask = |line| self.interrupts.unmask(line);
            // SAFETY: What can be reached is mapped for ever, and nothing else lies where a device's registers do.
            unsafe { find_on_pci(config_space, kind, identity_map::reach, unmask, &mut take) }
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
        let time = clock::before_sleep();
        suspend.sleep()?;
        exceptions::install();
        configuration.restore(&mut pci);
        self.interrupts.restore(&unmasked);
        timer.iter().for_each(Timer::set_up);
        power_button.iter().for_each(PowerButton::rearm);
        clock::after_sleep(&time);
        console::reopen();
        Ok(())
    }

    /// Switches the machine off.
    ///
    /// # Errors
    /// When it comes back, the machine is still on.
    pub fn power_off(&mut self) -> Result<(), PowerError> {
        let fadt = self.ends.fadt.as_ref().ok_or(PowerError::NoAcpi)?;
        power::enter(fadt, self.ends.power_off)
    }

    /// Resets the machine.
    pub fn reboot(&mut self) -> ! {
        power::reboot(self.ends.fadt.as_ref())
    }
}

/// Ends QEMU with a failure, where whoever started the guest gave it a device for that.
fn exit_with_failure() {
    if let Some(port) = ENDS.get().and_then(|ends| ends.debug_exit) {
        // SAFETY: Whoever started the guest says that this port ends it.
        unsafe { port::write_u32(port, PANIC_EXIT) };
    }
}

fn power_off_if_known() {
    if let Some(Ends { fadt: Some(fadt), power_off, .. }) = ENDS.get() {
        // There is nothing else left to try.
        let _ = power::enter(fadt, *power_off);
    }
}
