//! The agent that ours are compared with: the newest qemu-ga that can be had.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nanoqga_testkit::process::{find, output};

use crate::executable::Executable;
use crate::packages::{self, Root};

const PACKAGE: &str = "qemu-guest-agent";
const PROGRAM: &str = "qemu-ga";
const QUESTION: Duration = Duration::from_secs(60);

/// What is not found in vain twice.
static FOUND: Mutex<Option<QemuGa>> = Mutex::new(None);

/// QEMU's own agent.
#[derive(Clone, Debug)]
pub struct QemuGa {
    executable: Executable,
    version: Version,
    /// Nothing if it is the one that is installed.
    root: Option<Root>,
}

/// A version of QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl QemuGa {
    /// The newest one, downloaded once. Where it cannot be downloaded, the one that is installed; that is said on stderr.
    ///
    /// # Errors
    /// When there is none at all.
    pub fn find() -> Result<Self> {
        let mut found = FOUND
            .lock()
            .map_err(|_| anyhow!("a search for qemu-ga has panicked before this one, and its error is above"))?;
        if let Some(found) = &*found {
            return Ok(found.clone());
        }
        let newest = packages::root(PROGRAM, &packages::NEWEST, &[PACKAGE]).and_then(Self::of_root);
        let qemu_ga = newest.or_else(|reason| -> Result<Self> {
            let installed = Self::installed().with_context(|| format!("{reason:#}; nor is there another one"))?;
            // Not by a macro, whose output a test that succeeds keeps to itself.
            writeln!(
                io::stderr(),
                "warning: comparing with qemu-ga {}, which is installed: the newest cannot be had ({reason:#})",
                installed.version
            )?;
            Ok(installed)
        })?;
        Ok(found.insert(qemu_ga).clone())
    }

    fn of_root(root: Root) -> Result<Self> {
        let executable = root.executable(PROGRAM)?;
        Ok(Self { version: version(&executable)?, executable, root: Some(root) })
    }

    fn installed() -> Result<Self> {
        let program = find(PROGRAM).context("qemu-ga is not installed; `cargo xtask setup` does that")?;
        let executable = Executable::new(program);
        Ok(Self { version: version(&executable)?, executable, root: None })
    }

    /// What it says its version is.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether it is not just the one that is installed.
    pub fn is_newest(&self) -> bool {
        self.root.is_some()
    }

    /// Runs it; arguments can be added.
    pub fn command(&self) -> Command {
        self.executable.command()
    }

    /// The program, which may need a loader of its own.
    pub fn executable(&self) -> &Executable {
        &self.executable
    }

    /// Its shared libraries and their loader: where a machine must have each, and where each is on this one.
    ///
    /// # Errors
    /// When one is missing.
    pub fn libraries(&self) -> Result<Vec<(PathBuf, PathBuf)>> {
        let place = |file: PathBuf| {
            let inside = self.root.as_ref().and_then(|root| file.strip_prefix(root.path("")).ok());
            (inside.map_or_else(|| file.clone(), |inside| Path::new("/").join(inside)), file)
        };
        Ok(self.executable.libraries()?.into_iter().map(place).collect())
    }
}

fn version(executable: &Executable) -> Result<Version> {
    // QEMU Guest Agent 7.2.22
    let said = output(executable.command().arg("--version"), QUESTION)?;
    said.split_whitespace().last().context("qemu-ga does not say its version")?.parse()
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut numbers = text.splitn(3, '.').map(str::parse);
        let mut number = || numbers.next().and_then(Result::ok).with_context(|| format!("'{text}' is no version"));
        Ok(Self(number()?, number()?, number()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_ordered_and_told() {
        let [old, new] = ["7.2.22", "11.1.3"].map(|text| text.parse::<Version>().unwrap());
        assert!(old < new);
        assert_eq!(new, Version(11, 1, 3));
        assert_eq!(new.to_string(), "11.1.3");
        assert!("11.1".parse::<Version>().is_err());
    }
}
