//! The PL031 real-time clock (Arm DDI 0224).

use crate::memory::Window;
use crate::tree::tree;

const DATA: usize = 0;
const LOAD: usize = 8;
const SIZE: u32 = 0x1000;

/// The clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtc(Window);

impl Rtc {
    /// The clock that the tree names.
    pub(crate) fn find() -> Option<Self> {
        let registers = tree()?.compatible("arm,pl031").find_map(|node| node.registers(0));
        let (address, size) = registers?;
        (address.is_multiple_of(4) && size >= SIZE.into()).then_some(Self(Window { address, length: SIZE }))
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(self) -> Option<i64> {
        // SAFETY: The tree says that the registers are a clock's, and mapped they are.
        Some(unsafe { self.0.at::<u32>(DATA).read_volatile() }.into())
    }

    /// Sets the clock. `None` when it cannot show that time.
    pub(crate) fn set(self, unix_seconds: i64) -> Option<()> {
        let seconds = u32::try_from(unix_seconds).ok()?;
        // SAFETY: As above; a clock does nothing to memory.
        unsafe { self.0.at::<u32>(LOAD).write_volatile(seconds) };
        Some(())
    }
}
