//! `fsfreeze`: file systems that hold still.

use nanoqga::commands::fsfreeze::Freeze;
use nanoqga::{Cause, Failure, List, Text};
use rustix::event::Timespec;
use rustix::fd::AsFd;

use super::Guest;
use crate::log::{self, audit};
use crate::system::errno::failed;
use crate::system::freeze::{Outcome, failure};
use crate::system::mounts::Mounted;

const NOT_STARTED: &str = "failed to start the process that freezes file systems";
const STILL_FREEZING: Failure = Failure("file systems are still being frozen");
const STILL_THAWING: Failure = Failure("file systems are still being thawed");
const CUT_SHORT: Failure =
    Failure("file systems were thawed before, when the time limit for the frozen state was reached");

/// How long a thaw waits for a file system that is still being frozen, and how long both wait while the host's next request waits for
/// them.
const PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

impl Freeze for Guest {
    fn freeze(&mut self, mountpoints: Option<List<'_, Text<'_>>>, cause: &mut Cause) -> Result<usize, Failure> {
        audit("guest-fsfreeze-freeze", &if mountpoints.is_some() { "some file systems" } else { "all file systems" });
        let named = |name: &str| mountpoints.is_none_or(|points| points.iter().any(|point| point == *name));
        let wanted = |found: &Mounted| found.mounts.iter().any(|mount| named(&mount.name()));
        self.freezer.freeze(&wanted).map_err(|error| failed(NOT_STARTED, error))?;
        let host = self.host.clone();
        let patience = self.has_more.then_some(PATIENCE);
        match self.freezer.wait(host.as_ref().map(|host| host.as_fd()), patience) {
            Some(Outcome::Frozen(count) | Outcome::Thawed(count, _)) => Ok(count),
            Some(Outcome::Failed(text)) => {
                if self.freezer.is_frozen() {
                    // That it could not be frozen is what the client is told.
                    let _ = self.thaw(&mut Cause::new());
                }
                Err(failure(&text, cause))
            }
            // It goes on.
            None => Err(STILL_FREEZING),
        }
    }

    fn thaw(&mut self, cause: &mut Cause) -> Result<usize, Failure> {
        let outcome = self.thaw_all(cause);
        if !self.is_frozen() {
            // Before it, the line might have had to wait.
            log::set_frozen(false);
            audit("guest-fsfreeze-thaw", &"thawed");
        }
        outcome
    }
}

impl Guest {
    fn thaw_all(&mut self, cause: &mut Cause) -> Result<usize, Failure> {
        if self.freezer.take_cut_short() && !self.freezer.is_frozen() {
            return Err(CUT_SHORT);
        }
        self.freezer.thaw().map_err(|error| failed(NOT_STARTED, error))?;
        let patience = (self.freezer.is_freezing() || self.has_more).then_some(PATIENCE);
        let host = self.host.clone();
        loop {
            match self.freezer.wait(host.as_ref().map(|host| host.as_fd()), patience) {
                // What was frozen until then is thawed next.
                Some(Outcome::Frozen(count)) if count > 0 => {}
                Some(Outcome::Frozen(_)) => return Ok(0),
                Some(Outcome::Thawed(count, complaint)) if complaint.is_empty() => return Ok(count),
                Some(Outcome::Thawed(_, complaint)) => return Err(failure(&complaint, cause)),
                // A freeze has failed, which thaws.
                Some(Outcome::Failed(_)) if !self.freezer.is_frozen() => return Ok(0),
                Some(Outcome::Failed(text)) => return Err(failure(&text, cause)),
                None if self.freezer.is_freezing() => {
                    // The others need not wait for it.
                    self.freezer.rescue();
                    return Err(STILL_FREEZING);
                }
                None => return Err(STILL_THAWING),
            }
        }
    }
}
