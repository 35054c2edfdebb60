//! `cargo xtask capi`: the library for kernels written in C, its header, and the C programs that are built with it.

mod header;
mod library;
mod programs;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::process::run;
use nanoqga_testkit::progress::step;

pub(crate) use self::header::header_path;
use self::header::{functions, header};
pub(crate) use self::library::{PACKAGE, bare_targets, library};
use self::library::{TARGETS, library_with};
pub(crate) use self::programs::{kernel, loaded};
use self::programs::{kernel_as_program, program};
use crate::test::Report;
use crate::toolchain::Toolchain;
use crate::usage::one_of;

/// How long the linker may take.
const LIMIT: Duration = Duration::from_secs(900);

/// Build the library for kernels written in C.
///
/// Builds libnanoqga.a, the agent for kernels written in C, and prints its path as the last line on stdout; or the path of a
/// program that is built with it.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Args {
    /// Build the library for a Rust target; riscv64imac is C's -mabi=lp64, riscv64gc -mabi=lp64d
    #[arg(long, value_parser = one_of(TARGETS.map(|target| (target.into(), target))))]
    target: Option<&'static str>,
    /// Build the example of such a kernel
    #[arg(long, value_name = "MACHINE", value_enum)]
    kernel: Option<Kernel>,
    /// Build a program for this host from a C file
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Write targets/capi/nanoqga.h anew from the library's sources
    #[arg(long)]
    header: bool,
}

/// What the kernel runs on.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kernel {
    /// Its agent is at the first serial line
    Q35,
    /// Its agent is at the first serial line
    #[value(name = "riscv64-virt")]
    Riscv64Virt,
    /// A program for this host, whose agent is at stdin and stdout
    Host,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let built = match args {
        Args { target: Some(target), .. } => library(target),
        Args { program: Some(file), .. } => program(file),
        Args { kernel: Some(Kernel::Q35), .. } => kernel(Machine::named("q35")?, true),
        Args { kernel: Some(Kernel::Riscv64Virt), .. } => kernel(Machine::named("riscv64-virt")?, true),
        Args { kernel: Some(Kernel::Host), .. } => kernel_as_program(),
        _ => return Ok(fs::write(header_path(), header()?)?),
    };
    println!("{}", built?.display());
    Ok(())
}

/// Sees to it that the header is that of the sources, and that the library links alone and cannot panic, on each bare target.
///
/// # Errors
/// When one of that does not hold.
pub(crate) fn test(report: &mut Report) -> Result<()> {
    report.check(|| {
        ensure!(
            fs::read_to_string(header_path())? == header()?,
            "targets/capi/nanoqga.h is not what the sources make: `cargo xtask capi --header` writes it anew"
        );
        Ok(())
    })?;
    let panics = |target, with_a_panic| {
        step(&format!("Linking the library for C alone, for {target}"), || can_panic(target, with_a_panic))
    };
    report.check(|| {
        ensure!(panics(TARGETS[1], true)?, "a panic is not seen in the library for C: the proof proves nothing");
        Ok(())
    })?;
    bare_targets().try_for_each(|(_, target)| {
        report.check(|| {
            ensure!(!panics(target, false)?, "a panic is reachable in the library for C on {target}");
            Ok(())
        })
    })
}

/// Links the library for a bare target, all that the header has, with nothing else, and says whether it can panic.
///
/// # Errors
/// When it cannot be built, or needs something that it has not.
fn can_panic(target: &'static str, with_a_panic: bool) -> Result<bool> {
    let library = library_with(target, if with_a_panic { &["--features", "panicking"] } else { &[] })?;
    let program = library.with_file_name("alone");
    let mut linker = Command::new(Toolchain::for_target(target)?.linker()?);
    linker.args(["-flavor", "gnu", "--gc-sections", "--entry", "nanoqga_init", "-o"]).arg(&program);
    linker.args(functions(&header()?).map(|name| format!("--undefined={name}"))).arg(&library);
    run(&mut linker, LIMIT)?;
    // The names of what is left of it are among the program's bytes, those of all panics with their module.
    Ok(String::from_utf8_lossy(&fs::read(program)?).contains("core9panicking"))
}
