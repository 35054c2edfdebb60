//! Guests that lie: whatever they send, nothing hangs, nothing panics, and no reply is taken for another's.

#![expect(clippy::unwrap_used, reason = "all of it is tests")]

mod exec;
mod files;
mod guest;
mod replies;
mod shutdown;
mod sync;
