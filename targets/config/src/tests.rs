mod documents;
mod drives;
mod isos;
mod tables;

use std::format;
use std::string::String;
use std::vec::Vec;

use crate::sink::Sink;

/// What was said: words as they are, and `unused FILE:LINE KEY` and `refused FILE:LINE REASON`.
#[derive(Debug, Default)]
struct Said(Vec<String>);

impl Sink for Said {
    fn word(&mut self, word: &str) {
        self.0.push(word.into());
    }

    fn unused(&mut self, file: &'static str, line: u32, key: &str) {
        self.0.push(format!("unused {file}:{line} {key}"));
    }

    fn refused(&mut self, file: &'static str, line: u32, reason: &'static str) {
        self.0.push(format!("refused {file}:{line} {reason}"));
    }
}
