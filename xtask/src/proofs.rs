//! The programs of targets/proofs: built to see whether they link, and run to see what the engine takes.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::process::{finish, output};
use nanoqga_testkit::progress::step;

use crate::toolchain::Toolchain;
use crate::workspace::in_workspace;

const BUILD: Duration = Duration::from_secs(900);

/// Their package, and the one of them that is for bare targets.
pub(crate) const PACKAGE: &str = "proofs";
pub(crate) const NO_PANIC: &str = "no-panic";

/// The Rust targets that the engine is linked for without a panic.
pub(crate) const TARGETS: [&str; 3] =
    ["x86_64-unknown-none", "aarch64-unknown-none-softfloat", "riscv64gc-unknown-none-elf"];

/// The function that no-panic's panic handler calls. It exists nowhere, so that nothing links that keeps the handler.
const MISSING: &str = "a_panic_is_reachable_in_the_engine";

/// Sees to it that no panic is reachable in the engine on a target.
///
/// # Errors
/// When one is, or when a program with a panic in it links all the same, so that the proof would prove nothing.
pub(crate) fn no_panic(target: &'static str) -> Result<()> {
    let toolchain = Toolchain::for_target(target)?;
    step(&format!("Linking every command without a panic, with {toolchain}"), || {
        if !links(&toolchain, &[])? {
            bail!(
                "a panic is reachable in the engine on {target}: an index, a slice, a division, an unwrap, or a call \
                 of something that has one. This shows the way to it:\n  {}",
                shown(target)
            );
        }
        if links(&toolchain, &["--features", "panicking"])? {
            bail!("{NO_PANIC} links on {target} with a panic in it: it proves nothing");
        }
        Ok(())
    })
}

/// Whether no-panic links. That the panic handler is left in it is all that may keep it from that.
fn links(toolchain: &Toolchain, features: &[&str]) -> Result<bool> {
    let mut cargo = toolchain.cargo("build");
    cargo.args(["--profile", "proof", "--package", PACKAGE, "--bin", NO_PANIC]).args(features);
    // The linker's messages come among cargo's. On the screen a failure that is wanted would look like one that is not.
    in_workspace(&mut cargo).args(["--quiet", "--message-format", "json"]).stderr(Stdio::null());
    let (status, messages) = finish(&mut cargo, BUILD)?;
    if !status.success() && !messages.contains(MISSING) {
        bail!("cargo could not build {NO_PANIC}. This shows why:\n  {}", shown(toolchain.target()));
    }
    Ok(status.success())
}

/// A command that shows why no-panic does not link.
fn shown(target: &str) -> String {
    format!(
        "cargo rustc --profile proof --package {PACKAGE} --bin {NO_PANIC} --target {target} -- \
         -C link-arg='--why-live=*rust_begin_unwind*'"
    )
}

/// The most stack that the engine takes, in bytes.
///
/// # Errors
/// When the program that measures it does not build, or fails.
pub(crate) fn stack() -> Result<u64> {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--quiet", "--profile", "proof", "--package", PACKAGE, "--bin", "stack"]);
    let measured = step("Measuring the engine's stack", || output(in_workspace(&mut cargo), BUILD))?;
    measured.trim().parse().with_context(|| format!("the measure of the stack is no number: {measured}"))
}
