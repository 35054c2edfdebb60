//! What is built for several tests, once per run.

use std::path::PathBuf;

use anyhow::Result;
use nanoqga_testkit::machine::Machine;
use tests::images::capi;

/// The C kernel for a machine.
pub fn kernel(machine: &'static Machine) -> Result<PathBuf> {
    capi(&["--kernel", machine.name])
}

/// The C kernel as a program for this host.
pub fn kernel_as_program() -> Result<PathBuf> {
    capi(&["--kernel", "host"])
}

/// The program of one C file of this folder.
pub fn program(file: &'static str) -> Result<PathBuf> {
    capi(&["--program", &format!("{}/capi/{file}", env!("CARGO_MANIFEST_DIR"))])
}
