//! Time since boot.

/// Nanoseconds.
pub fn now() -> u64 {
    machine::monotonic_ns().unwrap_or(0)
}
