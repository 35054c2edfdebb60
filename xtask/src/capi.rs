//! `cargo xtask capi`: the library for kernels written in C, its header, and the C programs that are built with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::process::{finish, run};
use nanoqga_testkit::progress::step;
use object::Endianness;
use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{ElfFile, ProgramHeader};
use serde_json::Value;

use crate::options::{Argument, Options, Usage};
use crate::setup;
use crate::targets;
use crate::test::Report;
use crate::toolchain::Toolchain;
use crate::workspace::{self, in_workspace};

const BUILD: Duration = Duration::from_secs(900);

/// The package, its folder, and how Cargo compiles it.
const PACKAGE: &str = "capi";
const FOLDER: &str = "targets/capi";
const PROFILE: &str = "capi";

/// The Rust target of programs for this host.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// The Rust targets that the library is for: each an architecture and how it passes arguments. riscv64gc's is lp64d, riscv64imac's
/// lp64.
const TARGETS: [&str; 5] = [
    "x86_64-unknown-none",
    "aarch64-unknown-none-softfloat",
    "riscv64imac-unknown-none-elf",
    "riscv64gc-unknown-none-elf",
    HOST,
];

/// What all C here is compiled with.
const STRICT: [&str; 7] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-ffunction-sections", "-fdata-sections"];

/// The header's version macros. xtask has the version of the library: the workspace's.
const VERSION: &str = concat!(
    "\n// The version of this header and its library, after Semantic Versioning.\n",
    concat!("#define NANOQGA_VERSION_MAJOR ", env!("CARGO_PKG_VERSION_MAJOR"), "\n"),
    concat!("#define NANOQGA_VERSION_MINOR ", env!("CARGO_PKG_VERSION_MINOR"), "\n"),
    concat!("#define NANOQGA_VERSION_PATCH ", env!("CARGO_PKG_VERSION_PATCH"), "\n"),
    concat!("#define NANOQGA_VERSION_STRING \"", env!("CARGO_PKG_VERSION"), "\"\n"),
    "// To compare with: `#if NANOQGA_VERSION >= NANOQGA_VERSION_OF(0, 2, 0)`.\n",
    "#define NANOQGA_VERSION_OF(major, minor, patch) (((major) << 16) | ((minor) << 8) | (patch))\n",
    "#define NANOQGA_VERSION \\\n",
    "    NANOQGA_VERSION_OF(NANOQGA_VERSION_MAJOR, NANOQGA_VERSION_MINOR, NANOQGA_VERSION_PATCH)\n",
);

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

/// Where the header is.
fn header_path() -> PathBuf {
    workspace::path(FOLDER).join("nanoqga.h")
}

/// The header as it should be.
///
/// # Errors
/// When the library's sources cannot be read.
fn header() -> Result<String> {
    let folder = workspace::path(FOLDER);
    let config = folder.join("cbindgen.toml");
    let config =
        cbindgen::Config::from_file(&config).map_err(|error| anyhow::anyhow!("{}: {error}", config.display()))?;
    // In the order in which they are read in the header.
    let sources = ["agent", "status", "own", "guest", "callbacks/mod", "families/mod"];
    let sources = sources.map(|source| folder.join(format!("src/{source}.rs")));
    let builder = sources.iter().fold(cbindgen::Builder::new(), |builder, source| builder.with_src(source));
    let mut header = Vec::new();
    let config =
        cbindgen::Config { after_includes: config.after_includes.map(|text| VERSION.to_string() + &text), ..config };
    builder.with_config(config).generate().context("cbindgen cannot make the header")?.write(&mut header);
    Ok(String::from_utf8(header)?)
}

/// Builds the library for a Rust target and gives its absolute path.
///
/// # Errors
/// When no toolchain can, or the build fails.
pub(crate) fn library(target: &'static str) -> Result<PathBuf> {
    library_with(target, &[])
}

fn library_with(target: &'static str, features: &[&str]) -> Result<PathBuf> {
    let toolchain = Toolchain::for_target(target)?;
    step(&format!("Building libnanoqga.a with {toolchain}"), || {
        let mut cargo = toolchain.cargo("rustc");
        // No other crate type beside it, or there would be no optimisation at link time.
        cargo.args(["--package", PACKAGE, "--lib", "--crate-type", "staticlib", "--profile", PROFILE]).args(features);
        cargo.args(["--quiet", "--message-format", "json-render-diagnostics"]);
        cargo.env("RUSTFLAGS", toolchain.flags_without_local_paths()?);
        let (status, messages) = finish(in_workspace(&mut cargo), BUILD)?;
        if !status.success() {
            bail!("cargo could not build libnanoqga.a");
        }
        let built = archive(&messages).context("cargo did not say where it put the library")?;
        // Cargo calls it after the crate, whose name must not be the engine's.
        let library = built.with_file_name("libnanoqga.a");
        fs::copy(built, &library)?;
        Ok(library)
    })
}

/// The path in cargo's messages of the static library.
fn archive(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut libraries = messages.filter(|message| message["target"]["kind"][0] == "staticlib");
    libraries.find_map(|message| message["filenames"][0].as_str().map(PathBuf::from))
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
    run(&mut linker, BUILD)?;
    // The names of what is left of it are among the program's bytes, those of all panics with their module.
    Ok(String::from_utf8_lossy(&fs::read(program)?).contains("core9panicking"))
}

/// The names of the functions in a header: what stands before a bracket, in lines that begin with what is returned.
fn functions(header: &str) -> impl Iterator<Item = &str> {
    let lines = header.lines().filter(|line| line.starts_with("enum ") || line.starts_with("const char *"));
    lines.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
}

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

/// How a kernel is compiled and linked: nothing is there but itself.
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
    let platform = platform.with_context(|| format!("the C kernel does not run on {machine}"))?;
    let script = workspace::path(FOLDER).join("examples/c-kernel").join(platform.folder).join("kernel.ld");
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
fn kernel_as_program() -> Result<PathBuf> {
    link(&PLATFORMS[2], "c-kernel", &["agent.c"], &[])
}

fn link(platform: &Platform, name: &str, more: &[&str], flags: &[&str]) -> Result<PathBuf> {
    let folder = workspace::path(FOLDER).join("examples/c-kernel");
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
fn program(source: &Path) -> Result<PathBuf> {
    let library = library(HOST)?;
    let program = library.with_file_name(source.file_stem().context("a source file has a name")?);
    compile("gcc", &[source.into()], &["-g"], &library, &program)?;
    Ok(program)
}

fn compile(compiler: &str, sources: &[PathBuf], flags: &[&str], library: &Path, program: &Path) -> Result<()> {
    setup::c_compilers()?;
    let mut gcc = Command::new(compiler);
    gcc.args(STRICT).args(flags).arg("-Wl,--gc-sections");
    for folder in [FOLDER.into(), format!("{FOLDER}/examples/c-kernel")] {
        gcc.arg("-I").arg(workspace::path(&folder));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_in_the_header() {
        let header = header().unwrap();
        let functions: Vec<_> = functions(&header).collect();
        assert!(functions.contains(&"nanoqga_init") && functions.contains(&"nanoqga_status_text"), "{functions:?}");
        assert!(functions.contains(&"nanoqga_add_command") && functions.len() == 18, "{functions:?}");
    }

    #[test]
    fn the_archive_is_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"nanoqga"},"filenames":["/t/other.rlib"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"kind":["staticlib"],"name":"nanoqga_c"},"filenames":["/t/libnanoqga_c.a"]}"#,
        );
        assert_eq!(archive(messages), Some("/t/libnanoqga_c.a".into()));
    }
}
