//! How long each part of the test took last, kept in target/ for the next run.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::workspace;

/// By the names of parts, in seconds.
#[derive(Debug, Default)]
pub(super) struct Times(BTreeMap<String, f64>);

impl Times {
    /// Those of earlier runs. There are none in a fresh clone, and a file that cannot be read is as good as none.
    pub(super) fn load() -> Self {
        let text = fs::read_to_string(file()).unwrap_or_default();
        Self(serde_json::from_str(&text).unwrap_or_default())
    }

    pub(super) fn last(&self, part: &str) -> Option<Duration> {
        self.0.get(part).and_then(|seconds| Duration::try_from_secs_f64(*seconds).ok())
    }

    pub(super) fn set(&mut self, part: &str, took: Duration) {
        self.0.insert(part.into(), took.as_secs_f64());
    }

    /// Keeps the time of a part, also for later runs.
    pub(super) fn note(&mut self, part: &str, took: Duration) -> Result<()> {
        self.set(part, took);
        let file = file();
        let text = serde_json::to_string_pretty(&self.0)?;
        // It is not there where CARGO_TARGET_DIR names another.
        fs::create_dir_all(workspace::path("target"))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Minutes and seconds: `12:05`.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn file() -> PathBuf {
    workspace::path("target/test-times.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_minutes_and_seconds() {
        let shown = [0.4, 59.6, 725.0].map(|seconds| clock(Duration::from_secs_f64(seconds)));
        assert_eq!(shown, ["0:00", "1:00", "12:05"]);
    }
}
