//! Tools for Rust that cargo and rustup install: lints, cargo's subcommands, and other versions of the compiler.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use nanoqga_testkit::process::{find, output, run};
use nanoqga_testkit::progress::step_with_output;

use crate::apt::{Needed, need};
use crate::workspace;

const INSTALL: Duration = Duration::from_secs(900);

/// What the fuzzer's own code, which is C++, is compiled with.
const FUZZER_COMPILER: [Needed; 1] = [Needed { program: "c++", package: "g++" }];

/// Sees to it that rustfmt and clippy are there.
///
/// # Errors
/// When they are not and cannot be installed.
pub(crate) fn lints() -> Result<()> {
    for (program, component) in [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        let tool = program.trim_start_matches("cargo-");
        let works = Command::new("cargo").args([tool, "--version"]).output().is_ok_and(|asked| asked.status.success());
        if works {
            continue;
        }
        let Some(rustup) = find("rustup") else {
            bail!("{program} is not installed, and rustup, which adds it, is not here: https://rustup.rs has it");
        };
        step_with_output(&format!("Adding {component}"), || {
            run(Command::new(rustup).args(["component", "add", component]), INSTALL)
        })?;
    }
    Ok(())
}

/// Sees to it that cargo-fuzz is there, and the compiler that it needs.
///
/// # Errors
/// When they are not and cannot be installed.
pub(crate) fn cargo_fuzz() -> Result<()> {
    need(FUZZER_COMPILER.iter())?;
    cargo_tool("fuzz", "0.13.2", &[])
}

/// Whether cargo-deny is there. It takes minutes to compile, so the default test does without it where it is not.
pub(crate) fn has_cargo_deny() -> bool {
    has_cargo_tool("deny")
}

/// Sees to it that cargo-deny is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn cargo_deny() -> Result<()> {
    // Its own profile has fat LTO, and takes longer to compile than it ever runs here.
    cargo_tool("deny", "0.20.2", &["--debug"])
}

/// Sees to it that cargo-hack is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn cargo_hack() -> Result<()> {
    cargo_tool("hack", "0.6.46", &[])
}

/// Whether cargo-mutants is there. It takes minutes to compile, so the default test does without it where it is not.
pub(crate) fn has_cargo_mutants() -> bool {
    tool_path("cargo-mutants").is_file()
}

/// Sees to it that cargo-mutants is there; returns its path.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn cargo_mutants() -> Result<PathBuf> {
    own_tool("cargo-mutants", "27.1.0", &[])
}

/// Sees to it that mdBook is there, without what serves a book and watches its pages; returns its path.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn mdbook() -> Result<PathBuf> {
    own_tool("mdbook", "0.5.4", &["--no-default-features", "--features", "search"])
}

/// Sees to it that vhost-device-vsock is there; returns its path.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn vsock() -> Result<PathBuf> {
    own_tool("vhost-device-vsock", "0.3.0", &[])
}

/// Where programs are installed that are no tools of cargo's.
const TOOLS: &str = "target/tools";

fn tool_path(name: &str) -> PathBuf {
    workspace::path(TOOLS).join("bin").join(name)
}

/// Installs a program that is no tool of cargo's where it is missing: in a folder of the workspace. Returns its path.
fn own_tool(name: &str, version: &str, options: &[&str]) -> Result<PathBuf> {
    let program = tool_path(name);
    if !program.is_file() {
        let root = workspace::path(TOOLS);
        step_with_output(&format!("Installing {name} {version}"), || {
            let mut install = Command::new("cargo");
            install.args(["install", name, "--version", version, "--locked", "--root"]).arg(root).args(options);
            run(&mut install, INSTALL)
        })?;
    }
    Ok(program)
}

fn cargo_tool(name: &str, version: &str, options: &[&str]) -> Result<()> {
    // It comes from the registry all else comes from, so nothing has to be asked.
    if has_cargo_tool(name) {
        return Ok(());
    }
    let package = format!("cargo-{name}");
    step_with_output(&format!("Installing {package} {version}"), || {
        let mut install = Command::new("cargo");
        run(install.args(["install", &package, "--version", version, "--locked"]).args(options), INSTALL)
    })
}

fn has_cargo_tool(name: &str) -> bool {
    Command::new("cargo").args([name, "--version"]).output().is_ok_and(|asked| asked.status.success())
}

/// Installs a version of Rust where it is missing. Returns whether it is there: without rustup it cannot be installed.
///
/// # Errors
/// When rustup does not work.
pub(crate) fn toolchain(version: &str) -> Result<bool> {
    if has_toolchain(version)? {
        return Ok(true);
    }
    let Some(rustup) = find("rustup") else { return Ok(false) };
    let add = ["toolchain", "install", version, "--profile", "minimal", "--no-self-update"];
    let added = step_with_output(&format!("Adding Rust {version}"), || run(Command::new(rustup).args(add), INSTALL));
    Ok(added.inspect_err(|error| eprintln!("{error:#}")).is_ok())
}

fn has_toolchain(name: &str) -> Result<bool> {
    let Some(rustup) = find("rustup") else { return Ok(false) };
    let toolchains = output(Command::new(rustup).args(["toolchain", "list"]), INSTALL)?;
    Ok(toolchains.lines().any(|toolchain| toolchain.starts_with(&format!("{name}-"))))
}
