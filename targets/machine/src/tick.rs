//! From the ticks of a counter to nanoseconds, and back.

const NS_PER_S: u64 = 1_000_000_000;

/// How long a tick of a counter is.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    /// In nanoseconds, with 32 bits after the point.
    scale: u64,
}

impl Tick {
    /// That of a counter with so many ticks per second, of which there are at least one and fewer than 2 to the power of 63.
    pub fn of_hz(hz: u64) -> Self {
        Self { scale: (NS_PER_S << 32) / hz.max(1) }
    }

    /// How many nanoseconds so many ticks take.
    pub fn ns(self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.scale)) >> 32) as u64
    }

    /// How many ticks take so many nanoseconds, or a little more.
    pub fn in_ns(self, ns: u64) -> u64 {
        (u128::from(ns) << 32).div_ceil(self.scale.into()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Tick;

    #[test]
    fn ticks_and_nanoseconds_are_told_from_the_frequency() {
        let tick = Tick::of_hz(3_000_000_000);
        assert_eq!(tick.ns(3_000_000_000_000), 999_999_999_767, "the scale has 32 bits after the point");
        assert!(tick.ns(tick.in_ns(5_000_000)) >= 5_000_000);
        assert_eq!(Tick::of_hz(0).ns(1), 1_000_000_000);
    }
}
