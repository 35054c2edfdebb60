//! The list of an image's tests. It is kept beside the image, so that who only lists boots nothing.

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::protocol::{self, Info, Listed, VERSION};
use crate::agent::Agent;

/// What the name of an image has behind it in the name of its list.
const SUFFIX: &str = ".tests.json";

/// Each case is a test of its own here.
const MOST_CASES: u64 = 100_000;

/// The tests of a guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tests {
    /// By which its guest tells them from others.
    pub digest: String,
    pub tests: Vec<Listed>,
}

/// A list in its file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// Of the image that it is of.
    image: String,
    #[serde(flatten)]
    tests: Tests,
}

impl Tests {
    /// Asks a guest, which must say the same in two ways.
    pub(super) fn of(agent: &mut Agent) -> Result<Self> {
        let info = protocol::info(agent).context(
            "asked the guest for its tests: the kernel must implement `Testing` and have `testing::commands()` in its agent",
        )?;
        let tests = protocol::list(agent)?;
        Self::checked(&info, tests)
    }

    fn checked(info: &Info, tests: Vec<Listed>) -> Result<Self> {
        ensure!(
            info.protocol == VERSION,
            "the guest speaks version {} of the test protocol, and this is {VERSION}",
            info.protocol
        );
        ensure!(info.tests == tests.len(), "the guest has {} tests, and listed {}", info.tests, tests.len());
        ensure!(!tests.is_empty(), "the guest has no tests: its kernel implements `Testing`, and lists none");
        let mut names = HashSet::new();
        if let Some(twice) = tests.iter().find(|test| !names.insert(&test.name)) {
            bail!("the guest has two tests called {}: rename one", twice.name);
        }
        if let Some(test) = tests.iter().find(|test| test.cases.is_some_and(|cases| cases == 0 || cases > MOST_CASES)) {
            bail!("{} has {} cases: there should be 1 to {MOST_CASES}", test.name, test.cases.unwrap_or_default());
        }
        Ok(Self { digest: info.digest.clone(), tests })
    }

    /// Those that were kept of an image, if it is the same as then.
    pub(super) fn kept(image: &Path) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(&fs::read(beside(image)).ok()?).ok()?;
        (kept.image == hash(image)?).then_some(kept.tests)
    }

    /// Keeps them. Where nothing can be written, the next to ask boots the image again.
    pub(super) fn keep(&self, image: &Path) {
        let Some(hash) = hash(image) else { return };
        let kept = Kept { image: hash, tests: self.clone() };
        if let Ok(text) = serde_json::to_vec(&kept) {
            // Whole or not at all: others may read it.
            let unfinished = beside(image).with_extension(std::process::id().to_string());
            let _ = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, beside(image)));
        }
    }
}

fn beside(image: &Path) -> PathBuf {
    let mut path = image.as_os_str().to_owned();
    path.push(SUFFIX);
    path.into()
}

/// Another image has another one, and after an update of this program the same may have, too: then it is asked again.
fn hash(image: &Path) -> Option<String> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&fs::read(image).ok()?);
    Some(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::PrivateFolder;

    fn listed(name: &str) -> Listed {
        Listed {
            index: 0,
            name: name.into(),
            should_panic: None,
            ignored: None,
            timeout_ms: None,
            alone: false,
            cases: None,
        }
    }

    fn info(tests: usize) -> Info {
        Info { protocol: VERSION, tests, digest: "00".into(), boot: "00".into(), last_words: None }
    }

    fn refused(info: &Info, names: &[&str]) -> String {
        Tests::checked(info, names.iter().map(|name| listed(name)).collect()).unwrap_err().to_string()
    }

    #[test]
    fn a_list_that_was_cut_is_none() {
        assert_eq!(refused(&info(2), &["a"]), "the guest has 2 tests, and listed 1");
        assert_eq!(refused(&info(0), &[]), "the guest has no tests: its kernel implements `Testing`, and lists none");
        assert_eq!(refused(&info(2), &["a", "a"]), "the guest has two tests called a: rename one");
        let newer = Info { protocol: 2, ..info(1) };
        assert_eq!(refused(&newer, &["a"]), "the guest speaks version 2 of the test protocol, and this is 1");
    }

    #[test]
    fn a_list_is_kept_as_long_as_its_image_is_the_same() {
        let folder = PrivateFolder::new().unwrap();
        let image = folder.path().join("kernel");
        fs::write(&image, "one").unwrap();
        assert_eq!(Tests::kept(&image), None);
        let tests = Tests::checked(&info(1), vec![listed("a")]).unwrap();
        tests.keep(&image);
        assert_eq!(Tests::kept(&image), Some(tests));
        fs::write(&image, "two").unwrap();
        assert_eq!(Tests::kept(&image), None);
    }
}
