//! Programs in C that are built with the library: kernels for guests, and programs for this host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::process::run;
use object::Endianness;
use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{ElfFile, ProgramHeader};

use super::library::{FOLDER, HOST, library};
use crate::setup;
use crate::workspace;

/// The kernel in C.
const KERNEL: &str = "targets/kernels/c";

const BUILD: Duration = Duration::from_secs(900);

/// What all C here is compiled with.
const STRICT: [&str; 7] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-ffunction-sections", "-fdata-sections"];

/// Where C is compiled for, and how.
struct Platform {
    /// Its folder beside the kernel's sources.
    folder: &'static str,
    compiler: &'static str,
    target: &'static str,
    flags: &'static [&'static str],
    /// Sources beside `platform.c`, from the kernel's folder.
    sources: &'static [&'static str],
}

static PLATFORMS: [Platform; 3] = [
    Platform {
        folder: "x86_64",
        compiler: "gcc",
        target: "x86_64-unknown-none",
        flags: &["-m64", "-mno-red-zone", "-mgeneral-regs-only"],
        sources: &["x86_64/boot.S", "uart.c"],
    },
    Platform {
        folder: "riscv64",
        compiler: "riscv64-linux-gnu-gcc",
        target: "riscv64imac-unknown-none-elf",
        flags: &["-march=rv64imac", "-mabi=lp64", "-mcmodel=medany"],
        sources: &["riscv64/boot.S", "uart.c"],
    },
    Platform { folder: "host", compiler: "gcc", target: HOST, flags: &["-g"], sources: &[] },
];

/// How a kernel is compiled and linked: with no code of the compiler's or the system's in it.
const FREESTANDING: [&str; 8] = [
    "-ffreestanding",
    "-fno-pic",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,--build-id=none,-z,noexecstack,-z,max-page-size=4096,--no-warn-rwx-segments",
];

/// Builds the C kernel for a machine, with the agent or without, and gives its absolute path.
///
/// # Errors
/// When there is no kernel for that machine, no compiler, or the build fails.
pub(crate) fn kernel(machine: &Machine, with_agent: bool) -> Result<PathBuf> {
    let platform = PLATFORMS.iter().find(|platform| platform.folder == machine.architecture());
    let platform =
        platform.with_context(|| format!("the C kernel does not run on {machine}, only on q35 and riscv64-virt"))?;
    let script = workspace::path(KERNEL).join(platform.folder).join("kernel.ld");
    let script = format!("-Wl,-T,{}", script.display());
    let mut flags = FREESTANDING.to_vec();
    flags.push(&script);
    if with_agent {
        return link(platform, "c-kernel", &["agent.c"], &flags);
    }
    flags.push("-DWITHOUT_AGENT");
    link(platform, "c-kernel-without-agent", &[], &flags)
}

/// Builds the C kernel as a program for this host: its port is stdin and stdout.
///
/// # Errors
/// When there is no compiler, or the build fails.
pub(super) fn kernel_as_program() -> Result<PathBuf> {
    link(&PLATFORMS[2], "c-kernel", &["agent.c"], &[])
}

fn link(platform: &Platform, name: &str, more: &[&str], flags: &[&str]) -> Result<PathBuf> {
    let folder = workspace::path(KERNEL);
    let library = library(platform.target)?;
    let sources = ["main.c", &format!("{}/platform.c", platform.folder)].map(String::from);
    let sources = sources.into_iter().chain(platform.sources.iter().chain(more).map(|source| String::from(*source)));
    let sources: Vec<_> = sources.map(|source| folder.join(source)).collect();
    let program = library.with_file_name(name);
    let flags: Vec<_> = platform.flags.iter().chain(flags).copied().collect();
    compile(platform.compiler, &sources, &flags, &library, &program)?;
    Ok(program)
}

/// Builds a program for this host of one C file and the library, and gives its absolute path.
///
/// # Errors
/// When there is no compiler, or the build fails.
pub(super) fn program(source: &Path) -> Result<PathBuf> {
    let library = library(HOST)?;
    let program = library.with_file_name(source.file_stem().context("a source file has a name")?);
    compile("gcc", &[source.into()], &["-g"], &library, &program)?;
    Ok(program)
}

fn compile(compiler: &str, sources: &[PathBuf], flags: &[&str], library: &Path, program: &Path) -> Result<()> {
    setup::c_compilers()?;
    let mut gcc = Command::new(compiler);
    gcc.args(STRICT).args(flags).arg("-Wl,--gc-sections");
    for folder in [FOLDER, KERNEL] {
        gcc.arg("-I").arg(workspace::path(folder));
    }
    gcc.args(sources).arg(library).arg("-o").arg(program);
    run(&mut gcc, BUILD)
}

/// How many bytes of a program are loaded from its file: code and data that are not zero.
///
/// # Errors
/// When it is no 64-bit ELF file.
pub(crate) fn loaded(program: &Path) -> Result<u64> {
    let file = fs::read(program)?;
    let elf = ElfFile::<FileHeader64<Endianness>>::parse(&*file)?;
    let segments = elf.elf_program_headers().iter().filter(|segment| segment.p_type(elf.endian()) == PT_LOAD);
    Ok(segments.map(|segment| segment.p_filesz(elf.endian())).sum())
}
