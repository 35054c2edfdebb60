//! `nanoqga.h`: good C and C++. That it is today's is a test of xtask, which makes it.

use std::fs;
use std::process::Command;

use anyhow::Result;
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::folder::PrivateFolder;
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

/// Compilers for both widths of pointers: the size of an agent's state depends on it.
#[test]
fn memory_for_an_agent_can_be_declared_for_32_and_64_bits() -> Result<()> {
    for (width, state) in [("-m64", "NANOQGA_STATE > 4096"), ("-m32", "NANOQGA_STATE < 4096")] {
        let mut compile = Command::new("gcc");
        compile.args([width, "-std=c11", "-ffreestanding", "-Werror", "-fsyntax-only", "-x", "c", "-include", HEADER]);
        let source = PrivateFolder::new()?;
        let file = source.path().join("memory.c");
        let text = format!("_Static_assert({state}, \"\");\nextern char memory[NANOQGA_MEMORY(4096)];\n");
        fs::write(&file, text)?;
        run(compile.arg(&file), SOON)?;
    }
    Ok(())
}
