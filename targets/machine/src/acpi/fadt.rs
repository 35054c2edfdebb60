//! The fixed ACPI description table, FADT for short (ACPI 6.5, 5.2.9).

use crate::memory::{u16_at, u32_at, u64_at};

const FLAG_NO_FIXED_POWER_BUTTON: u32 = 1 << 4;
const FLAG_TIMER_IS_32_BIT: u32 = 1 << 8;
const FLAG_RESET_REGISTER: u32 = 1 << 10;
pub(super) const FLAG_HARDWARE_REDUCED: u32 = 1 << 20;
const BOOT_FLAG_NO_RTC: u16 = 1 << 5;

/// The place of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// A physical address.
    Memory(u64),
    /// An I/O port.
    Port(u16),
}

impl Register {
    /// Reads a generic address structure (5.2.3.2). `None` if it is absent, or names a space other than these two.
    fn generic(table: &[u8], offset: usize) -> Option<Self> {
        let (space, address) = (*table.get(offset)?, u64_at(table, offset + 4)?);
        match space {
            _ if address == 0 => None,
            0 => Some(Self::Memory(address)),
            1 => u16::try_from(address).ok().map(Self::Port),
            _ => None,
        }
    }

    fn port(table: &[u8], offset: usize) -> Option<Self> {
        u16::try_from(u32_at(table, offset)?).ok().filter(|&port| port != 0).map(Self::Port)
    }

    /// Reads the generic address structure, or, if it is absent, the port number that older tables have.
    pub(super) fn either(table: &[u8], extended: usize, port: usize) -> Option<Self> {
        Self::generic(table, extended).or_else(|| Self::port(table, port))
    }

    /// The register that lies `bytes` after this one.
    pub(super) fn behind(self, bytes: u8) -> Option<Self> {
        match self {
            Self::Memory(address) => address.checked_add(bytes.into()).map(Self::Memory),
            Self::Port(port) => port.checked_add(bytes.into()).map(Self::Port),
        }
    }
}

/// What a guest needs of the table. Fields that an old, short table does not have are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fadt {
    /// Physical address of the DSDT.
    pub dsdt: u64,
    /// PM1a and PM1b control registers, 16 bits each.
    pub pm1_control: [Option<Register>; 2],
    /// Port, and value to write to it, that make firmware hand the power registers over to the guest.
    pub acpi_enable: Option<(u16, u8)>,
    /// The power management timer, which counts at 3.579545 MHz.
    pub timer: Option<Register>,
    /// Whether the timer counts 32 bits. If not, it counts 24.
    pub timer_is_32_bit: bool,
    /// Register, and value to write to it, that reset the machine.
    pub reset: Option<(Register, u8)>,
    /// The sleep control register of a hardware-reduced machine, 8 bits.
    pub sleep_control: Option<Register>,
    /// The register of the real-time clock that holds the century, 1 to 127.
    pub rtc_century: Option<u8>,
    /// Whether the machine says that it has no CMOS real-time clock.
    pub no_rtc: bool,
}

impl Fadt {
    // Not inlined, so that an image has the code for this large result once.
    #[inline(never)]
    pub(super) fn parse(table: &[u8]) -> Option<Self> {
        let flags = u32_at(table, 112)?;
        let reduced = flags & FLAG_HARDWARE_REDUCED != 0;
        let register = |extended, port| Register::either(table, extended, port);
        let smi_port = u32_at(table, 48).and_then(|port| u16::try_from(port).ok()).filter(|&port| port != 0);
        let enable = *table.get(52)?;
        Some(Self {
            dsdt: u64_at(table, 140).filter(|&dsdt| dsdt != 0).or_else(|| u32_at(table, 40).map(u64::from))?,
            // A hardware-reduced machine has no fixed registers, even if the table names some.
            pm1_control: if reduced { [None; 2] } else { [register(172, 64), register(184, 68)] },
            acpi_enable: smi_port.filter(|_| enable != 0 && !reduced).map(|port| (port, enable)),
            timer: if reduced { None } else { register(208, 76) },
            timer_is_32_bit: flags & FLAG_TIMER_IS_32_BIT != 0,
            reset: Register::generic(table, 116)
                .filter(|_| flags & FLAG_RESET_REGISTER != 0)
                .and_then(|register| Some((register, *table.get(128)?))),
            sleep_control: if reduced { Register::generic(table, 244) } else { None },
            rtc_century: table.get(108).copied().filter(|&register| (1..128).contains(&register)),
            no_rtc: u16_at(table, 109)? & BOOT_FLAG_NO_RTC != 0,
        })
    }
}

/// The PM1 event registers, which report a press of the fixed power button (4.8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ButtonEvents {
    /// PM1a's and PM1b's pairs of a status and an enable register, 16 bits each.
    pub registers: [Option<(Register, Register)>; 2],
    /// The ISA interrupt that they raise.
    pub irq: u8,
}

impl ButtonEvents {
    /// `None` for a machine without a fixed power button. It may have one that only AML describes.
    pub(super) fn parse(table: &[u8]) -> Option<Self> {
        let flags = u32_at(table, 112)?;
        let half = *table.get(88)? / 2;
        if flags & (FLAG_HARDWARE_REDUCED | FLAG_NO_FIXED_POWER_BUTTON) != 0 || half < 2 {
            return None;
        }
        let event = |extended, port| {
            let status = Register::either(table, extended, port)?;
            Some((status, status.behind(half)?))
        };
        let registers = [event(148, 56), event(160, 60)];
        registers[0]?;
        Some(Self { registers, irq: u8::try_from(u16_at(table, 46)?).ok()? })
    }
}
