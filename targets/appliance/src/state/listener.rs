//! Takes what `config` reads.

use config::Sink;
use machine::log;
use machine::log::Value;

use crate::settings::{Settings, Source};

/// Passes settings on, and logs the rest.
pub(super) struct Listener<'s> {
    pub(super) settings: &'s mut Settings,
    pub(super) source: Source,
}

impl Sink for Listener<'_> {
    fn word(&mut self, word: &str) {
        if let Err(reason) = self.settings.take(self.source, word) {
            log!("{} of the {} is not used: {}", Value::copied(word), self.source.name(), reason);
        }
    }

    fn unused(&mut self, file: &'static str, line: u32, key: &str) {
        log!("{}, line {}: {} is not used", file, line, Value::copied(key));
    }

    fn refused(&mut self, file: &'static str, line: u32, reason: &'static str) {
        log!("{} is not taken: line {}: {}", file, line, reason);
    }
}
