//! Counters of a known speed: the ACPI timer, the PIT, and under QEMU and KVM the local APIC's timer.

use x86_64::structures::port::{PortRead, PortWrite};

#[cfg(feature = "rare-machines")]
use super::apic_timer::{ApicTimer, EMULATED_NS};
use crate::acpi::{Fadt, Register};
use crate::arch::timestamp;

/// How often both counters are read to have them at one moment.
const TRIES: u32 = 8;
const NS_PER_S: u64 = 1_000_000_000;

const PM_TIMER_HZ: u64 = 3_579_545;
const PIT_HZ: u64 = 1_193_182;
const PIT_CHANNEL_0: u16 = 0x40;
const PIT_COMMAND: u16 = 0x43;

/// Which one it is.
#[derive(Clone, Copy, Debug)]
enum Counter {
    /// The power management timer (ACPI 6.5, 4.8.2.1), by its port.
    PmTimer(u16),
    /// The PIT's first channel.
    Pit,
    /// The local APIC's timer. It is only measured with before anybody sleeps by it.
    #[cfg(feature = "rare-machines")]
    LocalApic(ApicTimer),
}

/// A counter that counts up and wraps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    counter: Counter,
    /// What it wraps at.
    mask: u32,
    /// For how many nanoseconds a measurement may last: four wraps at most, so that a speed that is wrong by an eighth tells how often
    /// it wrapped, and no number has more than 64 bits.
    pub(super) longest: u64,
}

/// 2 ms of the 24 in which a guest can boot.
const FIRST_NS: u64 = 2_000_000;

impl Reference {
    /// Those that the machine may have, the better one first.
    pub(super) fn all(fadt: Option<&Fadt>) -> [Option<Self>; 3] {
        let pm_timer = fadt.and_then(|fadt| {
            let Some(Register::Port(port)) = fadt.timer else { return None };
            let mask = if fadt.timer_is_32_bit { u32::MAX } else { 0xff_ffff };
            Some(Self { counter: Counter::PmTimer(port), mask, longest: 1 << 34 })
        });
        let pit = Self { counter: Counter::Pit, mask: 0xffff, longest: 200_000_000 };
        [pm_timer, Some(pit), Self::local_apic()]
    }

    /// The first measurement is the only one, because sleeps use the counter, too.
    #[cfg(feature = "rare-machines")]
    fn local_apic() -> Option<Self> {
        let timer = ApicTimer::find().filter(|_| ApicTimer::is_emulated())?;
        Some(Self { counter: Counter::LocalApic(timer), mask: u32::MAX, longest: 0 })
    }

    #[cfg(not(feature = "rare-machines"))]
    const fn local_apic() -> Option<Self> {
        None
    }

    /// How long the first measurement lasts, in nanoseconds: longer where it is the only one.
    pub(super) const fn first_ns(&self) -> u64 {
        match self.counter {
            Counter::PmTimer(_) | Counter::Pit => FIRST_NS,
            #[cfg(feature = "rare-machines")]
            Counter::LocalApic(_) => 10 * FIRST_NS,
        }
    }

    const fn hz(&self) -> u64 {
        match self.counter {
            Counter::PmTimer(_) => PM_TIMER_HZ,
            Counter::Pit => PIT_HZ,
            #[cfg(feature = "rare-machines")]
            Counter::LocalApic(_) => NS_PER_S / EMULATED_NS,
        }
    }

    /// How often per second the CPU's counter counts, by what both showed at two moments, which are about `ns` apart.
    #[inline(never)]
    pub(super) fn measured(&self, first: (u32, u64), second: (u32, u64), ns: u64) -> u64 {
        /// Bits after the point.
        const POINT: u32 = 24;
        let hz = self.hz();
        // The number nearest to what is expected that has the bits that were read.
        let lowest = (ns * hz / NS_PER_S).wrapping_sub(u64::from(self.mask / 2));
        let read = u64::from(second.0.wrapping_sub(first.0));
        let counts = lowest.wrapping_add(read.wrapping_sub(lowest) & u64::from(self.mask));
        ((second.1.wrapping_sub(first.1) << POINT) / counts.max(1)).wrapping_mul(hz) >> POINT
    }

    /// Whether at least so many nanoseconds, less than a wrap, lie between two counts.
    pub(super) fn has_passed(&self, ns: u64, first: u32, second: u32) -> bool {
        u64::from(second.wrapping_sub(first) & self.mask) >= ns * self.hz() / NS_PER_S
    }

    /// What both counters show at one moment. The host may take the processor away between two reads, so of several tries the
    /// shortest counts.
    // Not inlined, so that an image has the code once.
    #[inline(never)]
    pub(super) fn together(&self) -> (u32, u64) {
        let (mut shown, mut shortest) = ((0, 0), u64::MAX);
        for _ in 0..TRIES {
            let before = timestamp();
            let count = self.count();
            let took = timestamp().wrapping_sub(before);
            if took < shortest {
                (shown, shortest) = ((count, before), took);
            }
        }
        shown
    }

    fn count(&self) -> u32 {
        const LATCH: u8 = 0;
        // SAFETY: The tables say that this port is a counter, of which reading changes nothing; or it is the PIT, whose first channel
        // nobody else uses. Where there is no PIT nobody listens.
        unsafe {
            match self.counter {
                Counter::PmTimer(port) => u32::read_from_port(port),
                // It counts down.
                #[cfg(feature = "rare-machines")]
                Counter::LocalApic(timer) => timer.left().wrapping_neg(),
                Counter::Pit => {
                    u8::write_to_port(PIT_COMMAND, LATCH);
                    let count = [u8::read_from_port(PIT_CHANNEL_0), u8::read_from_port(PIT_CHANNEL_0)];
                    // It counts down.
                    u32::from(u16::from_le_bytes(count).wrapping_neg())
                }
            }
        }
    }

    /// Has it count. The PIT's first channel becomes a rate generator (Intel 8254, mode 2). Its interrupt is masked, and the other
    /// channels' gate and output are wired to a speaker that not every machine has.
    pub(super) fn start(&self) {
        const MODE_2: u8 = 0b0011_0100;
        #[cfg(feature = "rare-machines")]
        if let Counter::LocalApic(timer) = self.counter {
            timer.set_up();
            timer.start(u32::MAX);
        }
        if matches!(self.counter, Counter::Pit) {
            // SAFETY: As above.
            unsafe {
                u8::write_to_port(PIT_COMMAND, MODE_2);
                u8::write_to_port(PIT_CHANNEL_0, 0);
                u8::write_to_port(PIT_CHANNEL_0, 0);
            }
        }
    }
}
