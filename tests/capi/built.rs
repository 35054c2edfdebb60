//! What is built for several tests, once per run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Result, anyhow};
use nanoqga_testkit::machine::Machine;
use xtask::capi;

/// The C kernel for a machine.
pub fn kernel(machine: &'static Machine) -> Result<PathBuf> {
    once(machine.name, || capi::kernel(machine, true))
}

/// The C kernel as a program for this host.
pub fn kernel_as_program() -> Result<PathBuf> {
    once("the kernel as a program", capi::kernel_as_program)
}

/// The program of one C file of this folder.
pub fn program(file: &'static str) -> Result<PathBuf> {
    once(file, || capi::program(&PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/capi")).join(file)))
}

fn once(name: &'static str, build: impl FnOnce() -> Result<PathBuf>) -> Result<PathBuf> {
    static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().map_err(|_| anyhow!("another test failed while it built something"))?;
    if let Some(path) = built.get(name) {
        return Ok(path.clone());
    }
    let path = build()?;
    built.insert(name, path.clone());
    Ok(path)
}
