//! The commands that run tests.

use std::env;
use std::num::NonZero;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use nanoqga_testkit::deadline;
use nanoqga_testkit::process::output;

use crate::image;
use crate::workspace::in_workspace;

/// How long one may take.
pub(super) const LIMIT: Duration = Duration::from_secs(1800);

/// The command that runs tests of the images under QEMU. It builds the images.
pub(super) fn qemu_tests() -> Result<Command> {
    let mut tests = whole_system("qemu");
    tests.envs(image::for_tests()?);
    Ok(tests)
}

/// The command that runs a program of the package `tests`.
pub(crate) fn whole_system(test: &str) -> Command {
    let mut command = cargo("test");
    command.args(["--package", "tests", "--test", test]);
    // They wait for guests for most of their time: three for each processor keep it busy.
    if env::var_os("RUST_TEST_THREADS").is_none() {
        let threads = thread::available_parallelism().map_or(1, NonZero::get) * 3;
        command.env("RUST_TEST_THREADS", threads.to_string());
    }
    command
}

/// Whether a program may have mounts of its own: not in a chroot whose root is no mount point.
pub(super) fn may_mount() -> bool {
    output(Command::new("unshare").args(["--mount", "true"]), LIMIT).is_ok()
}

/// `cargo` with a subcommand, in the workspace.
pub(super) fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new("cargo");
    // All tests wait by one measure of how slow this machine is.
    in_workspace(&mut command).arg(subcommand).env(deadline::PATIENCE, deadline::factor().to_string());
    command
}
