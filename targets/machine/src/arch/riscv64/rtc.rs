//! The goldfish real-time clock (Android's goldfish virtual hardware, "GOLDFISH-VIRTUAL-HARDWARE").

use crate::memory::Window;
use crate::tree::tree;

const TIME_LOW: usize = 0;
const TIME_HIGH: usize = 4;
const SIZE: u32 = 0x20;
const NS_PER_S: u64 = 1_000_000_000;

/// The clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtc(Window);

impl Rtc {
    /// The clock that the tree names.
    pub(crate) fn find() -> Option<Self> {
        let registers = tree()?.compatible("google,goldfish-rtc").find_map(|node| node.registers(0));
        let (address, size) = registers?;
        (address.is_multiple_of(4) && size >= SIZE.into()).then_some(Self(Window { address, length: SIZE }))
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(self) -> Option<i64> {
        // Reading the lower half keeps the upper one still.
        let [low, high] = [TIME_LOW, TIME_HIGH].map(|register| u64::from(self.read(register)));
        i64::try_from((high << 32 | low) / NS_PER_S).ok()
    }

    /// Sets the clock. `None` when it cannot show that time.
    pub(crate) fn set(self, unix_seconds: i64) -> Option<()> {
        let ns = u64::try_from(unix_seconds).ok()?.checked_mul(NS_PER_S)?;
        self.write(TIME_HIGH, (ns >> 32) as u32);
        self.write(TIME_LOW, ns as u32);
        Some(())
    }

    fn read(self, register: usize) -> u32 {
        // SAFETY: The tree says that the registers are a clock's, and mapped they are.
        unsafe { self.0.at::<u32>(register).read_volatile() }
    }

    fn write(self, register: usize, value: u32) {
        // SAFETY: As above; a clock does nothing to memory.
        unsafe { self.0.at::<u32>(register).write_volatile(value) }
    }
}
