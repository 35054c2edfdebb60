//! The library for C, compiled for a Rust target.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::process::finish;
use nanoqga_testkit::progress::step;
use serde_json::Value;

use crate::toolchain::Toolchain;
use crate::workspace::in_workspace;

const BUILD: Duration = Duration::from_secs(900);

/// The package, its folder, and how Cargo compiles it.
pub(crate) const PACKAGE: &str = "capi";
pub(super) const FOLDER: &str = "targets/capi";
const PROFILE: &str = "capi";

/// The Rust target of programs for this host.
pub(super) const HOST: &str = "x86_64-unknown-linux-gnu";

/// The Rust targets that the library is for: each an architecture and how it passes arguments. riscv64gc's is lp64d, riscv64imac's
/// lp64.
pub(super) const TARGETS: [&str; 5] = [
    "x86_64-unknown-none",
    "aarch64-unknown-none-softfloat",
    "riscv64imac-unknown-none-elf",
    "riscv64gc-unknown-none-elf",
    HOST,
];

/// The targets without an operating system, each with the name of its architecture.
pub(crate) fn bare_targets() -> impl Iterator<Item = (&'static str, &'static str)> {
    let bare = TARGETS.into_iter().filter(|target| *target != HOST);
    bare.filter_map(|target| Some((target.split('-').next()?, target)))
}

/// Builds the library for a Rust target and gives its absolute path.
///
/// # Errors
/// When no toolchain can, or the build fails.
pub(crate) fn library(target: &'static str) -> Result<PathBuf> {
    library_with(target, &[])
}

/// Does the same with options for Cargo, such as features.
pub(super) fn library_with(target: &'static str, options: &[&str]) -> Result<PathBuf> {
    let toolchain = Toolchain::for_target(target)?;
    step(&format!("Building libnanoqga.a with {toolchain}"), || {
        let mut cargo = toolchain.cargo_to_link("rustc")?;
        // No other crate type beside it, or there would be no optimisation at link time.
        cargo.args(["--package", PACKAGE, "--lib", "--crate-type", "staticlib", "--profile", PROFILE]).args(options);
        cargo.args(["--quiet", "--message-format", "json-render-diagnostics"]);
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

#[cfg(test)]
mod tests {
    use super::*;

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
