//! Builds the kernel's tests, and runs them in QEMU.

use std::process::ExitCode;

use nanoqga_testkit::suite::Suite;

fn main() -> ExitCode {
    // The kernel's folder, and what `cargo build` is told there.
    Suite::built("../kernel", &["--test", "kernel"]).main()
}
