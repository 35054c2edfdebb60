//! Runs the program.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::folder::PrivateFolder;
use serde_json::Value;
use tests::images::nanoqga;
use tests::soon;

/// What one run came to.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// The run succeeded.
    pub fn ok(self) -> Result<Self> {
        ensure!(self.status == 0, "{self:?}");
        Ok(self)
    }

    /// Its stdout as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("{self:?}"))
    }

    /// The run ended with this status, and a message with this text.
    pub fn failed(&self, status: i32, text: &str) -> Result<()> {
        ensure!(self.status == status && self.stderr.contains(text), "not {status} and '{text}': {self:?}");
        Ok(())
    }
}

/// Runs it with these arguments, and nothing on stdin.
pub fn run(arguments: &[&str]) -> Result<Said> {
    run_with(arguments, Path::new("/dev/null"))
}

/// Runs it with a file as its stdin.
pub fn run_with(arguments: &[&str], stdin: &Path) -> Result<Said> {
    let mut command = Command::new(nanoqga()?);
    finish(command.args(arguments).stdin(File::open(stdin)?))
}

/// Runs a command to its end, however long that is, and takes what it says.
pub fn finish(command: &mut Command) -> Result<Said> {
    let folder = PrivateFolder::new()?;
    let [out, err] = ["out", "err"].map(|name| folder.path().join(name));
    let mut child = Killed(command.stdout(File::create(&out)?).stderr(File::create(&err)?).spawn()?);
    let status = soon().poll("the end of the program", || Ok(child.0.try_wait()?))?;
    let text = |path: &PathBuf| -> Result<String> { Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned()) };
    Ok(Said { status: status.code().context("a signal ended it")?, stdout: text(&out)?, stderr: text(&err)? })
}

/// A child that ends with this.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program with these arguments, for a test that talks to it while it runs.
pub fn command(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(nanoqga()?);
    command.args(arguments).stdin(Stdio::null());
    Ok(command)
}
