//! The prompt of `cargo xtask run --interactive`, fed from a file.

use std::fs::{self, File};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::output;

/// It may have to build the image.
const LIMIT: Duration = Duration::from_secs(900);

#[test]
fn without_a_terminal_lines_are_commands_and_their_end_shuts_the_guest_down() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let lines = folder.path().join("lines");
    fs::write(&lines, "sync id=5\nsync 5\n")?;
    let mut run = Command::new("cargo");
    run.args(["xtask", "run", "--interactive"]).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(File::open(lines)?);
    // On such a terminal, rustyline would show its prompt.
    let said = output(run.env("TERM", "dumb"), LIMIT)?;
    ensure!(said.contains("\n  <- {\"return\": 5}\n  '5' is not key=value\n"), "{said}");
    ensure!(said.ends_with("\nThe guest has shut down and QEMU has ended.\n"), "{said}");
    Ok(())
}
