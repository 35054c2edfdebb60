//! `nanoqga.h`: good C and C++. That it is today's is a test of xtask, which makes it.

use std::process::Command;

use anyhow::Result;
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::process::run;

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../targets/capi/nanoqga.h");

#[test]
fn the_header_compiles_without_a_warning_as_c99_and_as_cpp17() -> Result<()> {
    for (compiler, standard, language) in [("gcc", "-std=c99", "c"), ("g++", "-std=c++17", "c++")] {
        let mut compile = Command::new(compiler);
        compile.args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", language]);
        // Twice, to see that this does no harm.
        compile.args(["-include", HEADER, HEADER]);
        run(&mut compile, SOON)?;
    }
    Ok(())
}
