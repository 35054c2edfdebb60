//! Long steps say on stderr when they begin and when they end. Stdout is left to results.

use std::time::Instant;

use anyhow::Result;

/// Does `work`, with a line when it begins and one with the seconds it took when it ends.
///
/// # Errors
/// Those of `work`.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("[ .... ] {what}");
    let start = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "FAIL" };
    eprintln!("[ {outcome} ] {what} ({:.1} s)", start.elapsed().as_secs_f64());
    result
}
