//! A progress bar for a file that is copied, on stderr where that is a terminal.

use std::time::Instant;

use anyhow::Result;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// The bar of a copy.
pub(crate) struct Bar {
    bar: ProgressBar,
    start: Instant,
}

impl Bar {
    /// Begins. `length` is that of the file, where it is known.
    ///
    /// # Errors
    /// When the bar's template is wrong, which a test would show.
    pub(crate) fn new(length: Option<u64>) -> Result<Self> {
        let template = match length {
            Some(_) => "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}",
        };
        let bar = ProgressBar::new(length.unwrap_or_default()).with_style(ProgressStyle::with_template(template)?);
        Ok(Self { bar, start: Instant::now() })
    }

    /// So many bytes are copied now.
    pub(crate) fn at(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// Takes the bar away, and returns what it came to: as JSON, or for people.
    pub(crate) fn finish(self, bytes: u64, json: bool) -> String {
        self.bar.finish_and_clear();
        let seconds = self.start.elapsed().as_secs_f64();
        if json {
            return serde_json::json!({"bytes": bytes, "seconds": seconds}).to_string();
        }
        let rate = HumanBytes((bytes as f64 / seconds.max(1e-9)) as u64);
        format!("{} in {seconds:.1} s, {rate}/s", HumanBytes(bytes))
    }
}
