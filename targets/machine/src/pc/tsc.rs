//! The time stamp counter as a clock, measured against one whose speed is known: shortly at first, because a boot has better use for
//! the time, and again whenever much more time has passed.

use core::cell::Cell;

use super::reference::Reference;
use crate::acpi::Fadt;
use crate::arch::timestamp;
use crate::tick::Tick;

/// After how many nanoseconds to measure again, and by how much longer each time.
const SECOND_NS: u64 = 32_000_000;
const LONGER: u64 = 4;
/// A reference that reads the same as many times in a row stands still. It moves on within a microsecond.
const PATIENCE: u32 = 10_000;

/// Nanoseconds since the guest booted. They never go back, and go on at once from where they are when the speed is known better.
#[derive(Debug)]
pub(super) struct Tsc {
    reference: Reference,
    state: Cell<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// What both counters showed when the measurement began.
    begin: (u32, u64),
    /// For how long to measure, in nanoseconds.
    length: u64,
    tick: Tick,
    /// What the counter and the clock showed at one moment.
    at: u64,
    ns: u64,
}

impl Tsc {
    /// Measures the counter, since `start`, against what the machine has.
    pub(super) fn measure(start: u64, fadt: Option<&Fadt>) -> Option<Self> {
        for reference in Reference::all(fadt).into_iter().flatten() {
            if let Some((begin, tick)) = first(reference) {
                let state = State { begin, length: SECOND_NS, tick, at: start, ns: 0 };
                return Some(Self { reference, state: Cell::new(state) });
            }
        }
        None
    }

    /// Nanoseconds since the start.
    pub(super) fn now(&self) -> u64 {
        let state = self.state.get();
        let now = timestamp();
        if state.tick.ns(now.wrapping_sub(state.begin.1)) >= state.length {
            self.state.set(self.measure_again(state));
        }
        state.shows(now)
    }

    /// The counter begins anew: from now on the clock shows `ns`.
    pub(super) fn go_on_from(&self, ns: u64) {
        // A reset may have stopped it.
        self.reference.start();
        let begin = self.reference.together();
        self.state.set(State { begin, length: SECOND_NS, at: begin.1, ns, ..self.state.get() });
    }

    /// Takes the speed from all the time since the measurement began. Begins anew after too much of it.
    fn measure_again(&self, state: State) -> State {
        let end = self.reference.together();
        let ns = state.tick.ns(end.1.wrapping_sub(state.begin.1));
        let now = State { at: end.1, ns: state.shows(end.1), ..state };
        if ns >= self.reference.longest {
            return State { begin: end, length: SECOND_NS, ..now };
        }
        let tick = Tick::of_hz(self.reference.measured(state.begin, end, ns));
        let next = ns * LONGER;
        State { tick, length: if next < self.reference.longest { next } else { u64::MAX }, ..now }
    }
}

impl State {
    /// What the clock shows when the counter shows `now`.
    fn shows(&self, now: u64) -> u64 {
        self.ns.saturating_add(self.tick.ns(now.wrapping_sub(self.at)))
    }
}

/// What both counters showed at the beginning of a short measurement, and its result.
fn first(reference: Reference) -> Option<((u32, u64), Tick)> {
    reference.start();
    let begin = reference.together();
    let (mut last, mut still) = (begin.0, 0);
    while still < PATIENCE {
        let end = reference.together();
        if reference.has_passed(reference.first_ns(), begin.0, end.0) {
            let hz = reference.measured(begin, end, reference.first_ns());
            return (1_000_000..100_000_000_000).contains(&hz).then_some((begin, Tick::of_hz(hz)));
        }
        still = if end.0 == last { still + 1 } else { 0 };
        last = end.0;
    }
    None
}
