//! What became of mutants.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};

/// The names of mutants, by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcomes {
    /// A test fails.
    pub caught: Vec<String>,
    /// No test fails.
    pub missed: Vec<String>,
    /// Their tests took too long, and were ended.
    pub timeout: Vec<String>,
    /// They do not compile.
    pub unviable: Vec<String>,
}

impl Outcomes {
    /// Reads what cargo-mutants has written below `folder`.
    ///
    /// # Errors
    /// When there is a file of its that cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let list = |name: &str| {
            let file = folder.join("mutants.out").join(name).with_extension("txt");
            match fs::read_to_string(&file) {
                Ok(text) => Ok(text.lines().map(String::from).collect()),
                // There was no mutant at all.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
            }
        };
        Ok(Self {
            caught: list("caught")?,
            missed: list("missed")?,
            timeout: list("timeout")?,
            unviable: list("unviable")?,
        })
    }

    /// Adds those of another run.
    pub(super) fn add(&mut self, mut other: Self) {
        self.caught.append(&mut other.caught);
        self.missed.append(&mut other.missed);
        self.timeout.append(&mut other.timeout);
        self.unviable.append(&mut other.unviable);
    }

    /// Whether it is known what became of a mutant.
    pub(super) fn has(&self, name: &str) -> bool {
        [&self.caught, &self.missed, &self.timeout, &self.unviable].into_iter().flatten().any(|known| known == name)
    }

    /// How many the tests notice.
    pub(super) fn noticed(&self) -> usize {
        self.caught.len() + self.timeout.len()
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { caught, missed, timeout, unviable } = self;
        let [caught, missed, timeout, unviable] = [caught, missed, timeout, unviable].map(Vec::len);
        write!(f, "{caught} caught, {missed} missed, {timeout} timed out, {unviable} do not compile")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_from_the_lists_that_there_are() {
        let folder = nanoqga_testkit::folder::PrivateFolder::new().unwrap();
        assert_eq!(Outcomes::read(folder.path()).unwrap(), Outcomes::default());
        fs::create_dir(folder.path().join("mutants.out")).unwrap();
        fs::write(folder.path().join("mutants.out/caught.txt"), "a\nb\n").unwrap();
        fs::write(folder.path().join("mutants.out/timeout.txt"), "c\n").unwrap();
        let mut outcomes = Outcomes::read(folder.path()).unwrap();
        outcomes.add(Outcomes { missed: vec!["d".into()], ..Outcomes::default() });
        assert_eq!(outcomes.to_string(), "2 caught, 1 missed, 1 timed out, 0 do not compile");
        assert_eq!(outcomes.noticed(), 3);
        assert!(outcomes.has("d") && !outcomes.has("e"));
    }
}
