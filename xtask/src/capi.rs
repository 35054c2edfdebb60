//! `cargo xtask capi`: the library for kernels written in C, its header, and the C programs that are built with it.

mod header;
mod library;
mod programs;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::process::run;
use nanoqga_testkit::progress::step;

use self::header::{functions, header, header_path};
use self::library::{HOST, TARGETS, library, library_with};
pub(crate) use self::programs::{kernel, loaded};
use self::programs::{kernel_as_program, program};
use crate::options::{Argument, Options, Usage};
use crate::targets;
use crate::test::Report;
use crate::toolchain::Toolchain;

/// How long the linker may take.
const LIMIT: Duration = Duration::from_secs(900);

pub(crate) const HELP: &str = "\
cargo xtask capi --target TARGET
cargo xtask capi --kernel MACHINE
cargo xtask capi --program FILE
cargo xtask capi --header

Builds libnanoqga.a, the agent for kernels written in C, for a Rust target, and prints its path as the last line on stdout.
--kernel does so with the example of such a kernel, for q35 or riscv64-virt: its agent is at the first serial line; `host` makes it a
program for this host, whose agent is at stdin and stdout. --program does so with a C file, for this host. The header is
targets/capi/nanoqga.h, which --header writes anew from the library's sources.

Targets: x86_64-unknown-none, aarch64-unknown-none-softfloat, riscv64imac-unknown-none-elf (C's -mabi=lp64),
riscv64gc-unknown-none-elf (-mabi=lp64d), x86_64-unknown-linux-gnu
";

pub(crate) fn main(mut options: Options) -> Result<()> {
    match options.argument()? {
        Some(Argument::Option(name)) if name == "header" => Ok(fs::write(header_path(), header()?)?),
        Some(Argument::Option(name)) if name == "target" => {
            let target = options.value(|name| {
                let known = TARGETS.into_iter().find(|target| *target == name);
                known.with_context(|| format!("no target is called '{name}'; there are: {}", TARGETS.join(", ")))
            })?;
            println!("{}", library(target)?.display());
            Ok(())
        }
        Some(Argument::Option(name)) if name == "kernel" => {
            let name: String = options.value(|name| Ok(name.into()))?;
            let program = if name == "host" { kernel_as_program() } else { kernel(targets::machine(&name)?, true) };
            println!("{}", program?.display());
            Ok(())
        }
        Some(Argument::Option(name)) if name == "program" => {
            let file: PathBuf = options.value(|file| Ok(file.into()))?;
            println!("{}", program(&file)?.display());
            Ok(())
        }
        Some(other) => Err(other.unexpected()),
        None => Err(Usage::new(format!("--target, --kernel, --program or --header is missing\n\n{HELP}")).into()),
    }
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
    TARGETS.into_iter().filter(|target| *target != HOST).try_for_each(|target| {
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
