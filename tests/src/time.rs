//! A guest's clock held against the host's.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use serde_json::json;

use crate::soon;

/// A second in nanoseconds, which all times here are in.
pub const SECOND: i64 = 1_000_000_000;

/// How far two clocks may be apart: some machines' clocks count seconds, and are read one after the other.
const APART: i64 = 30 * SECOND;

/// The guest's time.
///
/// # Errors
/// When guest-get-time does not return an integer.
pub fn guest_time(agent: &mut Client) -> Result<i64> {
    agent.execute("guest-get-time", json!({}), soon())?.as_i64().context("guest-get-time returns an integer")
}

/// A clock that was set to `set` at `start`, or later, has gone on from there and is now read as `read`.
///
/// # Errors
/// When it is read as anything else.
pub fn has_gone_on(set: i64, start: Instant, read: i64) -> Result<()> {
    let latest = set + nanoseconds(start.elapsed())? + APART;
    ensure!((set..latest).contains(&read), "set to {set}, read as {read}, and it cannot be {latest} yet");
    Ok(())
}

/// What `read` returns is the host's time, however long it takes.
///
/// # Errors
/// When it is another time.
pub fn is_the_hosts(read: impl FnOnce() -> Result<i64>) -> Result<()> {
    let before = host_time()?;
    let read = read()?;
    let after = host_time()?;
    ensure!((before - APART..after + APART).contains(&read), "read as {read} between {before} and {after}");
    Ok(())
}

/// The host's time.
///
/// # Errors
/// When it is before 1970.
pub fn host_time() -> Result<i64> {
    nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH)?)
}

fn nanoseconds(time: Duration) -> Result<i64> {
    Ok(i64::try_from(time.as_nanos())?)
}
