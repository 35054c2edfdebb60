//! How long the processor was awake and asleep, and the load that follows from it.

/// The load is updated every five seconds, as on Linux.
const WINDOW_NS: u64 = 5_000_000_000;
/// 1 as a fixed-point number with 30 fractional bits.
const ONE: u64 = 1 << 30;
/// The part of a load that is left after a window: e to the power of -5 s / 1 min, / 5 min, / 15 min.
const DECAYS: [u64; 3] = [987_890_168, 1_055_994_433, 1_067_793_131];

/// How much of its time a CPU was awake.
///
/// A CPU sleeps when it has nothing to do, so while it is awake one task is runnable. Linux counts runnable tasks at one moment of
/// each window. This takes the awake part of the window, which is the average of such counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Account {
    until: u64,
    awake: u64,
    asleep: u64,
    /// How much of the current window has passed, and how much of that the CPU was awake.
    passed: u64,
    busy: u64,
    loads: [u64; 3],
}

impl Account {
    /// Accounts the time from the last call, or from the clock's 0, until `now` as awake or asleep.
    pub fn spend(&mut self, now: u64, awake: bool) {
        let spent = now.saturating_sub(self.until);
        self.until += spent;
        *if awake { &mut self.awake } else { &mut self.asleep } += spent;

        let in_window = spent.min(WINDOW_NS - self.passed);
        self.passed += in_window;
        self.busy += if awake { in_window } else { 0 };
        if self.passed == WINDOW_NS {
            let rest = spent - in_window;
            self.take(self.busy * ONE / WINDOW_NS, 1);
            self.take(if awake { ONE } else { 0 }, rest / WINDOW_NS);
            self.passed = rest % WINDOW_NS;
            self.busy = if awake { self.passed } else { 0 };
        }
    }

    /// Nanoseconds awake and asleep.
    pub const fn times(&self) -> (u64, u64) {
        (self.awake, self.asleep)
    }

    /// The load over the last minute, five minutes and fifteen minutes.
    pub fn loads(&self) -> [f64; 3] {
        self.loads.map(|load| load as f64 / ONE as f64)
    }

    /// Updates the loads by a number of windows that all had this load.
    fn take(&mut self, load: u64, windows: u64) {
        for (average, decay) in self.loads.iter_mut().zip(DECAYS) {
            let left = power(decay, windows);
            // Neither factor is more than 1, so that both products fit.
            *average = (*average * left + load * (ONE - left)) / ONE;
        }
    }
}

/// `base`, at most 1, to the power of `exponent`.
fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = ONE;
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = result * base / ONE;
        }
        base = base * base / ONE;
        exponent /= 2;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const SECOND: u64 = 1_000_000_000;

    fn near(loads: [f64; 3], expected: [f64; 3]) {
        for (load, expected) in loads.into_iter().zip(expected) {
            assert!((load - expected).abs() < 1e-6, "{load} is not {expected}");
        }
    }

    fn expected(minutes_awake: f64, minutes_asleep: f64) -> [f64; 3] {
        [1.0, 5.0, 15.0].map(|over: f64| (1.0 - (-minutes_awake / over).exp()) * (-minutes_asleep / over).exp())
    }

    #[test]
    fn a_busy_cpu_comes_to_1_and_an_idle_one_back_to_0() {
        let mut account = Account::default();
        account.spend(60 * SECOND, true);
        near(account.loads(), expected(1.0, 0.0));
        account.spend(15 * 60 * SECOND, true);
        near(account.loads(), expected(15.0, 0.0));
        account.spend(20 * 60 * SECOND, false);
        near(account.loads(), expected(15.0, 5.0));
        account.spend(u64::MAX, false);
        near(account.loads(), [0.0; 3]);
    }

    #[test]
    fn nothing_changes_within_a_window() {
        let mut account = Account::default();
        account.spend(4 * SECOND, true);
        near(account.loads(), [0.0; 3]);
        account.spend(5 * SECOND, false);
        near(account.loads(), expected(5.0 / 60.0, 0.0).map(|load| load * 0.8));
    }

    #[test]
    fn a_cpu_that_is_awake_a_quarter_of_each_second_has_that_load() {
        let mut account = Account::default();
        for second in 0..3 * 60 * 60 {
            account.spend(second * SECOND + SECOND / 4, true);
            account.spend((second + 1) * SECOND, false);
        }
        near(account.loads(), [0.25, 0.25, 0.25 * (1.0 - (-12.0f64).exp())]);
        let total = 3 * 60 * 60 * SECOND;
        assert_eq!(account.times(), (total / 4, total / 4 * 3));
    }

    #[test]
    fn a_clock_that_goes_back_takes_nothing_back() {
        let mut account = Account::default();
        account.spend(7, true);
        account.spend(3, false);
        account.spend(9, false);
        assert_eq!(account.times(), (7, 2));
    }

    proptest! {
        /// The account does not depend on how often it is updated, and no load is more than 1.
        #[test]
        fn pieces_make_the_same_whole(pieces: Vec<(u32, bool)>, splits: Vec<u8>) {
            let (mut once, mut often) = (Account::default(), Account::default());
            let mut now = 0;
            for (index, &(length, awake)) in pieces.iter().enumerate() {
                // Up to 14 minutes, so that there are whole windows.
                let length = u64::from(length) * 200;
                let split = splits.get(index).map_or(0, |&split| length / 256 * u64::from(split));
                often.spend(now + split, awake);
                now += length;
                often.spend(now, awake);
                once.spend(now, awake);
            }
            prop_assert_eq!(once.times(), often.times());
            for (one, other) in once.loads().into_iter().zip(often.loads()) {
                prop_assert!((one - other).abs() < 1e-5 && (0.0..=1.0).contains(&one));
            }
        }
    }
}
