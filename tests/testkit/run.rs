//! `nanoqga run-elf --test`, with a guest that follows a script.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use nanoqga_testkit::folder::PrivateFolder;
use serde_json::{Value, json};
use tests::images;

/// What `nanoqga` does with a guest, and what it said.
#[derive(Debug)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

/// Runs the tests of a guest that follows `script`, with more of the program's options, and the arguments of test programs.
pub fn run(script: &Value, options: &[&str], arguments: &[&str]) -> Result<Ran> {
    run_in(&PrivateFolder::new()?, script, options, arguments)
}

/// The same with an image in a folder that may have been there before.
pub fn run_in(folder: &PrivateFolder, script: &Value, options: &[&str], arguments: &[&str]) -> Result<Ran> {
    let image = folder.path().join("image");
    fs::write(&image, script.to_string())?;
    let programs = folder.path().join("programs");
    if !programs.exists() {
        fs::create_dir(&programs)?;
        symlink(env!("CARGO_BIN_EXE_fake-qemu"), programs.join("qemu-system-x86_64"))?;
    }
    let mut nanoqga = Command::new(images::nanoqga()?);
    nanoqga.args(["run-elf", "--test", "--machine", "q35"]).args(options);
    nanoqga.arg(&image).args(arguments).env("NANOQGA_QEMU", &programs).env("NANOQGA_ACCEL", "tcg");
    let Output { status, stdout, stderr } = nanoqga.output()?;
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Ran { stdout, stderr, code: status.code() })
}

/// A guest's tests, by their names and what they do beside passing.
pub fn tests(tests: &[(&str, Value)]) -> Value {
    let tests = tests.iter().enumerate().map(|(index, (name, more))| {
        let mut test = json!({"index": index, "name": name});
        for (key, value) in more.as_object().into_iter().flatten() {
            test[key] = value.clone();
        }
        test
    });
    json!({"tests": tests.collect::<Value>()})
}

impl Ran {
    /// Sees to it that it ended so, and printed all of this.
    pub fn is(&self, code: i32, parts: &[&str]) -> Result<()> {
        ensure!(self.code == Some(code), "{self:#?}");
        for part in parts {
            ensure!(self.stdout.contains(part) || self.stderr.contains(part), "there is no `{part}` in {self:#?}");
        }
        Ok(())
    }
}
