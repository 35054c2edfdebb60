//! The timer's ticks: 18.2 a second.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::interrupts;

static TICKS: AtomicU64 = AtomicU64::new(0);

pub fn init() {
    interrupts::handle(0, || _ = TICKS.fetch_add(1, Ordering::Relaxed));
}

pub fn count() -> u64 {
    TICKS.load(Ordering::Relaxed)
}
