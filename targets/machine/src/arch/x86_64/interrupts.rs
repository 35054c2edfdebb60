//! Interrupts, for one purpose: that an idle guest sleeps until a device has something for it.
//!
//! They are on only while the CPU sleeps. One vector serves all devices; which one it was, the main loop finds by asking
//! each (Intel SDM vol. 3, chapter 10; Intel 82093AA).

use core::hint;
use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use x86_64::instructions::interrupts::enable_and_hlt;
#[cfg(feature = "xen")]
use x86_64::instructions::{
    interrupts::{disable, enable},
    nop,
};
use x86_64::registers::model_specific::{ApicBase, ApicBaseFlags};
use x86_64::structures::port::PortWrite;

use super::cpu::cpuid;
use super::identity_map;
use crate::acpi::{IoApic, Madt};
use crate::log;
use crate::memory::as_many_as_fit;

/// The vector of every device.
pub(crate) const WAKE_VECTOR: u8 = 0x20;
/// The local APIC's vector for interrupts that vanish; the lowest four bits are one on every CPU.
pub(crate) const SPURIOUS_VECTOR: u8 = 0x2f;
/// The timer's. Its interrupts are edge-triggered, and the last interrupt of a vector decides whether the I/O APIC hears of its
/// end: with one vector for both, a device's could be forgotten for good. It is of a higher class, so that it comes while a device's
/// has not ended.
pub(crate) const TIMER_VECTOR: u8 = 0x30;

const APIC_ID: u64 = 0x20;
const APIC_TASK_PRIORITY: u64 = 0x80;
const APIC_END_OF_INTERRUPT: u64 = 0xb0;
const APIC_SPURIOUS: u64 = 0xf0;
/// The word of the in-service registers that has the timer's bit.
const APIC_TIMER_IN_SERVICE: u64 = 0x100 + 0x10 * (TIMER_VECTOR as u64 / 32);
const APIC_LINT0: u64 = 0x350;
const APIC_LINT1: u64 = 0x360;
const APIC_SOFTWARE_ENABLE: u32 = 1 << 8;
const DELIVER_NMI: u32 = 4 << 8;
const MASKED: u32 = 1 << 16;
const LEVEL: u32 = 1 << 15;

const IO_APIC_DEFAULT: IoApic = IoApic { address: 0xfec0_0000, first_gsi: 0 };
const IO_APIC_DATA: u64 = 0x10;
const IO_APIC_VERSION: u8 = 1;
const IO_APIC_REDIRECTIONS: u8 = 0x10;
/// More than there is room for are left alone.
const MAX_IO_APICS: usize = 8;
/// The interrupts of a PC's PCI devices. Which device has which one, ACPI says only in AML.
const PCI_GSIS: Range<u32> = 16..24;

/// Physical address of the local APIC. It never changes once interrupts are on.
pub(crate) static LOCAL_APIC: AtomicU64 = AtomicU64::new(0);

/// The interrupt controllers.
#[derive(Debug)]
pub(crate) struct Interrupts {
    io_apics: heapless::Vec<IoApic, MAX_IO_APICS>,
    destination: u32,
}

impl Interrupts {
    /// Sets the controllers up, with every device's interrupt masked except PCI's.
    pub(crate) fn new(madt: Option<Madt<'_>>) -> Self {
        mask_8259s();
        let Some(destination) = enable_local_apic() else {
            log!("no local APIC to sleep with");
            return Self { io_apics: heapless::Vec::new(), destination: 0 };
        };
        let mut interrupts = Self { io_apics: heapless::Vec::new(), destination };
        match madt {
            Some(madt) => madt.io_apics().for_each(|io_apic| interrupts.add(io_apic)),
            None => interrupts.add(IO_APIC_DEFAULT),
        }
        match interrupts.can_sleep() {
            false => log!("no I/O APIC to sleep with"),
            true => log!("{} I/O APIC(s)", interrupts.io_apics.len()),
        }
        interrupts
    }

    fn add(&mut self, io_apic: IoApic) {
        if inputs_answer(&io_apic) && self.io_apics.push(io_apic).is_ok() {
            for input in 0..inputs(&io_apic) {
                self.redirect(&io_apic, input, PCI_GSIS.contains(&(io_apic.first_gsi + input)));
            }
        }
    }

    /// Whether something could end a sleep.
    pub(crate) fn can_sleep(&self) -> bool {
        !self.io_apics.is_empty()
    }

    /// Lets a global system interrupt wake the guest.
    pub(crate) fn unmask(&self, gsi: u32) {
        let input = |io_apic: &&IoApic| gsi.checked_sub(io_apic.first_gsi).is_some_and(|input| input < inputs(io_apic));
        if let Some(io_apic) = self.io_apics.iter().find(input) {
            self.redirect(io_apic, gsi - io_apic.first_gsi, true);
        }
    }

    /// Which inputs wake the guest: a bit for each, a number for each I/O APIC.
    pub(crate) fn unmasked(&self) -> heapless::Vec<u128, MAX_IO_APICS> {
        let is_on = |io_apic, input| read_io_apic(io_apic, IO_APIC_REDIRECTIONS + 2 * input as u8) & MASKED == 0;
        let all = |io_apic| (0..inputs(io_apic)).fold(0, |all, input| all | u128::from(is_on(io_apic, input)) << input);
        as_many_as_fit(self.io_apics.iter().map(all))
    }

    /// Sets the controllers up again, after a reset, with the inputs unmasked that [`unmasked`](Self::unmasked) gave.
    pub(crate) fn restore(&self, unmasked: &[u128]) {
        mask_8259s();
        enable_local_apic();
        for (io_apic, unmasked) in self.io_apics.iter().zip(unmasked) {
            for input in 0..inputs(io_apic) {
                self.redirect(io_apic, input, unmasked >> input & 1 != 0);
            }
        }
    }

    /// Every interrupt counts as level-triggered: then a device that still wants something wakes the guest again, and
    /// none is forgotten because its line did not change.
    fn redirect(&self, io_apic: &IoApic, input: u32, on: bool) {
        let register = IO_APIC_REDIRECTIONS + 2 * input as u8;
        if on {
            write_io_apic(io_apic, register + 1, self.destination << 24);
        }
        write_io_apic(io_apic, register, u32::from(WAKE_VECTOR) | LEVEL | if on { 0 } else { MASKED });
    }

    /// Sleeps until a device interrupts. One that did so since it was last asked ends the sleep at once. So does `is_waiting`, which is
    /// asked when interrupts can come again.
    pub(crate) fn sleep_unless(&self, is_waiting: impl FnOnce() -> bool) {
        if !self.can_sleep() {
            return hint::spin_loop();
        }
        // The interrupt that ended the last sleep ends only now that its device has been asked: a device that still asserts its line
        // interrupts again at once, and would end the next sleep, too. No end is wrong if there was none.
        end_of_interrupt();
        if is_waiting() {
            return;
        }
        // The handlers change nothing, and return with interrupts off. Devices write to memory meanwhile, of which this instruction's
        // own promises to the compiler know nothing.
        compiler_fence(Ordering::SeqCst);
        enable_and_hlt();
        compiler_fence(Ordering::SeqCst);
    }
}

/// Sleeps by `sleep`, which is the hypervisor's and ends for the local APIC's timer, too. That one's interrupt is taken afterwards.
#[cfg(feature = "xen")]
pub(crate) fn sleep_by(sleep: impl FnOnce()) {
    end_of_interrupt();
    sleep();
    // An interrupt waits for one more instruction. Its handler returns with interrupts off.
    enable();
    nop();
    disable();
}

/// Sleeps until the timer interrupts, which must be set, or a device. If it is `deaf`, no device that has interrupted since
/// [`Interrupts::sleep_unless`] or this was called without it.
pub(crate) fn sleep_until_timer(deaf: bool) {
    if !deaf {
        end_of_interrupt();
    }
    compiler_fence(Ordering::SeqCst);
    enable_and_hlt();
    compiler_fence(Ordering::SeqCst);
    let register = LOCAL_APIC.load(Ordering::Relaxed) + APIC_TIMER_IN_SERVICE;
    // SAFETY: The timer is set, so the local APIC is on, and its registers are mapped.
    let in_service = unsafe { ptr::with_exposed_provenance::<u32>(register as usize).read_volatile() };
    // A device's ends later: one that was not asked yet would interrupt again at once.
    if in_service & 1 << (TIMER_VECTOR % 32) != 0 {
        end_of_interrupt();
    }
}

fn end_of_interrupt() {
    let register = LOCAL_APIC.load(Ordering::Relaxed) + APIC_END_OF_INTERRUPT;
    // SAFETY: The guest can sleep, so the local APIC is on, and its registers are mapped.
    unsafe { ptr::with_exposed_provenance_mut::<u32>(register as usize).write_volatile(0) };
}

fn mask_8259s() {
    // SAFETY: Masking the two 8259s concerns nobody: no handler is for them. Where there are none, nobody listens.
    unsafe {
        u8::write_to_port(0x21, 0xff);
        u8::write_to_port(0xa1, 0xff);
    }
}

/// Switches the local APIC on and gives its number.
fn enable_local_apic() -> Option<u32> {
    if cpuid(1)[3] & 1 << 9 == 0 {
        return None;
    }
    let (frame, flags) = ApicBase::read();
    // SAFETY: The APIC stays where it is.
    unsafe { ApicBase::write(frame, flags | ApicBaseFlags::LAPIC_ENABLE) };
    let base = frame.start_address().as_u64();
    if base + 4096 > identity_map::END {
        return None;
    }
    LOCAL_APIC.store(base, Ordering::Relaxed);
    let register = |offset| ptr::with_exposed_provenance_mut::<u32>((base + offset) as usize);
    // SAFETY: The local APIC's registers are at the address that the CPU says, and mapped.
    unsafe {
        register(APIC_TASK_PRIORITY).write_volatile(0);
        register(APIC_SPURIOUS).write_volatile(APIC_SOFTWARE_ENABLE | u32::from(SPURIOUS_VECTOR));
        // The 8259s are not heard; the other pin is the non-maskable interrupt, as on every PC.
        register(APIC_LINT0).write_volatile(MASKED);
        register(APIC_LINT1).write_volatile(DELIVER_NMI);
        Some(register(APIC_ID).read_volatile() >> 24)
    }
}

fn inputs_answer(io_apic: &IoApic) -> bool {
    io_apic.address != 0
        && io_apic.address.is_multiple_of(16)
        && !matches!(read_io_apic(io_apic, IO_APIC_VERSION), 0 | u32::MAX)
}

fn inputs(io_apic: &IoApic) -> u32 {
    // The two registers of an input have numbers of 8 bits, so there are no more than 120 inputs.
    ((read_io_apic(io_apic, IO_APIC_VERSION) >> 16 & 0xff) + 1).min(120)
}

fn read_io_apic(io_apic: &IoApic, register: u8) -> u32 {
    let address = u64::from(io_apic.address);
    // SAFETY: The tables, or every PC since 1994, have an I/O APIC here; it is mapped. Selecting and reading change
    // nothing.
    unsafe {
        ptr::with_exposed_provenance_mut::<u32>(address as usize).write_volatile(register.into());
        ptr::with_exposed_provenance::<u32>((address + IO_APIC_DATA) as usize).read_volatile()
    }
}

fn write_io_apic(io_apic: &IoApic, register: u8, value: u32) {
    let address = u64::from(io_apic.address);
    // SAFETY: As for reading. The vector that is written has a handler.
    unsafe {
        ptr::with_exposed_provenance_mut::<u32>(address as usize).write_volatile(register.into());
        ptr::with_exposed_provenance_mut::<u32>((address + IO_APIC_DATA) as usize).write_volatile(value);
    }
}
