//! Suspend to RAM: ACPI's S3 (ACPI 6.5, 5.2.10 and 7.4.2).
//!
//! The machine wakes by a reset that spares nothing but memory. What the image has of the CPU and of interrupts is made
//! anew here, what firmware has left in PCI devices put back; devices themselves are their drivers' concern.

use core::arch::global_asm;
use core::ffi::c_void;
use core::ptr;

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE};

use super::config_space::ConfigSpace;
use super::firmware::{fadt, tables};
use super::{Machine, PowerButton, Timer, clock, power};
use crate::acpi::{Fadt, SleepTypes, WakingVectors};
use crate::arch::exceptions;
use crate::arch::identity_map::image;
use crate::heap::IdentityMapped;
use crate::pci::SavedConfiguration;
use crate::{console, log};

global_asm!(include_str!("suspend.s"));

/// Where the code that firmware calls is put: below 1 MiB, as that begins in real mode, and where neither firmware nor a
/// boot loader has anything while an operating system runs. The same as in `suspend.s`.
const WAKE_PAGE: u64 = 0x8000;

unsafe extern "C" {
    static wake_code: u8;
    static wake_code_end: u8;
    static wake_copy: u8;
    fn suspend_image(copy: *mut u8, enter: extern "C" fn(*const c_void), argument: *const c_void) -> bool;
}

/// Why the machine did not sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SuspendError {
    /// It has more PCI devices than can be put back.
    TooManyDevices,
    /// There is no memory to keep the image in.
    NoMemory,
    /// It was told to, and did not.
    NoEffect,
}

impl SuspendError {
    /// The same in words.
    const fn reason(self) -> &'static str {
        match self {
            Self::TooManyDevices => "there are more PCI devices than could be put back",
            Self::NoMemory => "there is no memory to keep the image in",
            Self::NoEffect => "the machine did not suspend",
        }
    }
}

/// A machine's way to sleep with its memory kept.
#[derive(Debug)]
pub struct Suspend {
    fadt: &'static Fadt,
    types: SleepTypes,
    vectors: WakingVectors,
}

impl Suspend {
    /// `None` on a machine whose tables do not offer it.
    pub fn find(machine: &Machine) -> Option<Self> {
        let (tables, fadt) = tables().zip(fadt())?;
        let page = WAKE_PAGE..WAKE_PAGE + PAGE_SIZE as u64;
        let is_free = machine.ram().iter().any(|ram| ram.start <= page.start && page.end <= ram.end);
        let (types, vectors) = (tables.suspend_types(fadt)?, tables.waking_vectors()?);
        is_free.then_some(Self { fadt, types, vectors })
    }

    /// Sleeps with the memory kept until somebody wakes the machine; returns at once, with the reason in the log, where that
    /// does not work. The drivers must have put their devices to rest, and have to set them up again: they are as after a
    /// reset, but at the same places. The timer and the power button, if they are used, are set up again here.
    pub fn sleep(&self, machine: &Machine, timer: Option<&Timer>, power_button: Option<&PowerButton>) {
        log!("suspending");
        match self.try_to_sleep(machine, timer, power_button) {
            Ok(()) => log!("woken"),
            Err(error) => log!("{}", error.reason()),
        }
    }

    fn try_to_sleep(
        &self,
        machine: &Machine,
        timer: Option<&Timer>,
        power_button: Option<&PowerButton>,
    ) -> Result<(), SuspendError> {
        // The window to configuration space in memory is among what is lost.
        let mut pci = ConfigSpace::Ports;
        let configuration = SavedConfiguration::take(&pci).ok_or(SuspendError::TooManyDevices)?;
        let unmasked = machine.interrupts().unmasked();
        let time = clock::before_sleep();
        self.keep_image_and_sleep()?;
        exceptions::install();
        configuration.restore(&mut pci);
        machine.interrupts().restore(&unmasked);
        timer.into_iter().for_each(Timer::set_up);
        power_button.into_iter().for_each(PowerButton::rearm);
        clock::after_sleep(&time);
        console::reopen();
        Ok(())
    }

    /// Sleeps until somebody wakes the machine. The CPU then has no interrupt table and task, as before
    /// `exceptions::install`, and devices are as after a reset.
    ///
    /// # Errors
    /// If the machine did not sleep. All is as it was then.
    fn keep_image_and_sleep(&self) -> Result<(), SuspendError> {
        let size = (image().end - image().start) as usize;
        let (address, copy) = IdentityMapped::dma_alloc(size.div_ceil(PAGE_SIZE), BufferDirection::Both);
        if address == 0 {
            return Err(SuspendError::NoMemory);
        }
        self.point_firmware_here(address as u32);
        // SAFETY: The copy has room for the image. The code that firmware was pointed to brings all of the image back to
        // what it is in this call, and this call to its end.
        let woken = unsafe { suspend_image(copy.as_ptr(), enter, ptr::from_ref(self).cast()) };
        // SAFETY: It was allocated above with this size, and nothing points to it any more.
        unsafe { IdentityMapped::dma_dealloc(address, copy, size.div_ceil(PAGE_SIZE)) };
        if woken { Ok(()) } else { Err(SuspendError::NoEffect) }
    }

    /// Has firmware find the image in its copy.
    fn point_firmware_here(&self, copy: u32) {
        let code = &raw const wake_code;
        let (length, parameter) =
            ((&raw const wake_code_end).addr() - code.addr(), (&raw const wake_copy).addr() - code.addr());
        let page = ptr::with_exposed_provenance_mut::<u8>(WAKE_PAGE as usize);
        let [real_mode, extended] = [self.vectors.real_mode, self.vectors.extended].map(|address| address as usize);
        // SAFETY: The page is RAM, of which Rust knows nothing, as the image and the heap lie above it; the code is shorter.
        // The vectors were found in a structure of firmware's, aligned, and are for who sleeps to write.
        unsafe {
            page.copy_from(code, length);
            page.add(parameter).cast::<u32>().write_volatile(copy);
            ptr::with_exposed_provenance_mut::<u64>(extended).write_volatile(0);
            ptr::with_exposed_provenance_mut::<u32>(real_mode).write_volatile(WAKE_PAGE as u32);
        }
    }
}

extern "C" fn enter(suspend: *const c_void) {
    // SAFETY: `suspend_image` passes on what it was given.
    let suspend = unsafe { &*suspend.cast::<Suspend>() };
    // Whatever it was that failed, the machine is still on.
    let _ = power::enter(suspend.fadt, Some(suspend.types));
}
