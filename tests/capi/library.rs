//! The library itself, for every target: it needs nothing but itself, and cannot panic.

use anyhow::{Result, ensure};
use xtask::capi::{HOST, TARGETS, can_panic};

#[test]
fn it_links_alone_and_no_panic_is_reachable_in_it() -> Result<()> {
    // No other test has this target's library.
    ensure!(can_panic("aarch64-unknown-none-softfloat", true)?, "a panic is not seen: this test proves nothing");
    for target in TARGETS.into_iter().filter(|target| *target != HOST) {
        ensure!(!can_panic(target, false)?, "a panic is reachable on {target}");
    }
    Ok(())
}
