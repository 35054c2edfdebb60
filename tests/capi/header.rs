//! `nanoqga.h`: of today, and good C and C++.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};
use xtask::capi::{header, header_path};
use xtask::deadline::SOON;
use xtask::process::run;

#[test]
fn the_header_is_that_of_the_sources() -> Result<()> {
    ensure!(
        fs::read_to_string(header_path())? == header()?,
        "targets/capi/nanoqga.h is not what the sources make: `cargo xtask capi --header` writes it anew"
    );
    Ok(())
}

#[test]
fn the_header_compiles_without_a_warning_as_c99_and_as_cpp17() -> Result<()> {
    for (compiler, standard, language) in [("gcc", "-std=c99", "c"), ("g++", "-std=c++17", "c++")] {
        let mut compile = Command::new(compiler);
        compile.args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", language]);
        // Twice, to see that this does no harm.
        compile.arg("-include").arg(header_path()).arg(header_path());
        run(&mut compile, SOON)?;
    }
    Ok(())
}
