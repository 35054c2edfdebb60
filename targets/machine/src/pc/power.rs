//! Power-off, sleep and reset, as the machine's tables describe them (ACPI 6.5, 4.8.3 and 7.4.2). No port is taken on trust.

use core::fmt;
use core::ptr;

use x86_64::structures::port::{PortRead, PortWrite};

use super::clock::monotonic_ns;
use super::firmware::{fadt, tables};
use crate::acpi::{Fadt, Register, SleepTypes};
use crate::arch::{identity_map, triple_fault};

const PM1_ACPI_ENABLED: u16 = 1 << 0;
const PM1_SLEEP_TYPE: u16 = 7 << 10;
const PM1_SLEEP_ENABLE: u16 = 1 << 13;
const SLEEP_CONTROL_ENABLE: u8 = 1 << 5;
/// How long the machine may take to do what it was told.
const TIMEOUT_NS: u64 = 1_000_000_000;
/// The same, in I/O accesses, for a machine without a clock: each takes a microsecond or so.
const TIMEOUT_ACCESSES: u32 = 1_000_000;

/// Why the machine is still on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerError {
    /// There are no ACPI tables.
    NoAcpi,
    /// The tables name no register that switches the machine off.
    NoRegister,
    /// The tables do not say what to write to it.
    NoSleepType,
    /// It was written to, and the machine is still on.
    NoEffect,
}

impl PowerError {
    /// The same in words, for whoever asked.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoAcpi => "there are no ACPI tables to switch it off by",
            Self::NoRegister => "ACPI names no register to switch it off by",
            Self::NoSleepType => "ACPI has no \\_S5 to switch it off by",
            Self::NoEffect => "the machine did not switch off",
        }
    }
}

impl fmt::Display for PowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// Switches the machine off.
///
/// # Errors
/// When it comes back, the machine is still on.
pub(super) fn off() -> Result<(), PowerError> {
    let (tables, fadt) = tables().zip(fadt()).ok_or(PowerError::NoAcpi)?;
    enter(fadt, tables.power_off_types(fadt))
}

/// Puts the machine into the sleep that `types` stand for, be it for good.
///
/// # Errors
/// When it comes back, the machine is still on.
pub(super) fn enter(fadt: &Fadt, types: Option<SleepTypes>) -> Result<(), PowerError> {
    let types = types.ok_or(PowerError::NoSleepType);
    if let Some(control) = fadt.sleep_control {
        write_u8(control, types?.a << 2 | SLEEP_CONTROL_ENABLE)?;
    } else {
        let [Some(a), b] = fadt.pm1_control else { return Err(PowerError::NoRegister) };
        let types = types?;
        if !request_acpi(fadt) {
            wait(|| is_acpi_enabled(fadt));
        }
        // Both are told, the second one last, as it is the pair that counts.
        for (register, kind) in [(Some(a), types.a), (b, types.b)] {
            if let Some(register) = register {
                let others = read_u16(register)? & !(PM1_SLEEP_TYPE | PM1_SLEEP_ENABLE);
                write_u16(register, others | u16::from(kind) << 10 | PM1_SLEEP_ENABLE)?;
            }
        }
    }
    wait(|| false);
    Err(PowerError::NoEffect)
}

/// Asks firmware, which may still own the power registers, to hand them over. Whether it has done so already.
pub(super) fn request_acpi(fadt: &Fadt) -> bool {
    let enabled = is_acpi_enabled(fadt);
    if let Some((port, value)) = fadt.acpi_enable
        && !enabled
    {
        // SAFETY: The tables say that this is how to ask.
        unsafe { u8::write_to_port(port, value) };
    }
    enabled || fadt.acpi_enable.is_none()
}

fn is_acpi_enabled(fadt: &Fadt) -> bool {
    let control = fadt.pm1_control[0].ok_or(PowerError::NoRegister);
    control.and_then(read_u16).is_ok_and(|value| value & PM1_ACPI_ENABLED != 0)
}

/// Resets the machine: by the register that the tables name, else by what no PC survives.
pub(super) fn reboot() -> ! {
    if let Some((register, value)) = fadt().and_then(|fadt| fadt.reset)
        && write_u8(register, value).is_ok()
    {
        wait(|| false);
    }
    triple_fault()
}

/// Waits for a condition, for a second at most.
// Kept whole: the images are smaller so.
#[inline(never)]
fn wait(mut condition: impl FnMut() -> bool) {
    let start = monotonic_ns();
    for _ in 0..TIMEOUT_ACCESSES {
        let late = start.zip(monotonic_ns()).is_some_and(|(start, now)| now - start > TIMEOUT_NS);
        if late || condition() {
            break;
        }
        // SAFETY: Port 0x80 shows codes of firmware's and means nothing; the access is what takes time.
        unsafe { u8::write_to_port(0x80, 0) };
    }
}

fn mapped<T>(address: u64) -> Result<*mut T, PowerError> {
    match address.checked_add(size_of::<T>() as u64) {
        Some(end) if end <= identity_map::END && address.is_multiple_of(align_of::<T>() as u64) => {
            Ok(ptr::with_exposed_provenance_mut(address as usize))
        }
        _ => Err(PowerError::NoRegister),
    }
}

pub(super) fn read_u16(register: Register) -> Result<u16, PowerError> {
    match register {
        // SAFETY: The tables say that this is a power register; reading one changes nothing.
        Register::Port(port) => Ok(unsafe { u16::read_from_port(port) }),
        // SAFETY: As above, and it is mapped.
        Register::Memory(address) => Ok(unsafe { mapped::<u16>(address)?.read_volatile() }),
    }
}

pub(super) fn write_u16(register: Register, value: u16) -> Result<(), PowerError> {
    match register {
        // SAFETY: The tables say that this is a power register, which does nothing to memory.
        Register::Port(port) => unsafe { u16::write_to_port(port, value) },
        // SAFETY: As above, and it is mapped.
        Register::Memory(address) => unsafe { mapped::<u16>(address)?.write_volatile(value) },
    }
    Ok(())
}

pub(super) fn write_u8(register: Register, value: u8) -> Result<(), PowerError> {
    match register {
        // SAFETY: The tables say that this is a register of the power management's, or resets the machine, as it then shall.
        Register::Port(port) => unsafe { u8::write_to_port(port, value) },
        // SAFETY: As above, and it is mapped.
        Register::Memory(address) => unsafe { mapped::<u8>(address)?.write_volatile(value) },
    }
    Ok(())
}

pub(super) fn read_u8(register: Register) -> Result<u8, PowerError> {
    match register {
        // SAFETY: The tables say that this is a register of the power management's; reading one changes nothing.
        Register::Port(port) => Ok(unsafe { u8::read_from_port(port) }),
        // SAFETY: As above, and it is mapped.
        Register::Memory(address) => Ok(unsafe { mapped::<u8>(address)?.read_volatile() }),
    }
}
