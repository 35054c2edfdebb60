//! Who takes what was read.

/// Takes what a source says.
pub trait Sink {
    /// Takes a setting: a word as on a kernel command line.
    fn word(&mut self, word: &str);

    /// Is told of a key of a file that means nothing here. `key` has the names of all keys that lead to it, separated by dots.
    fn unused(&mut self, file: &'static str, line: u32, key: &str);

    /// Is told that no setting is taken from a file. `line` is 0 if the reason is in no single line.
    fn refused(&mut self, file: &'static str, line: u32, reason: &'static str);
}
