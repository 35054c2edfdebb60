//! Build, boot, test and measure nanoqga: the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main()
}
