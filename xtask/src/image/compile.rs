//! Compiling the programs that guests run.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::process::finish;
use nanoqga_testkit::progress::step;
use serde_json::Value;

use super::profile::{EFI_LOADER, FIRST_BYTE, FOR_TESTS, LINUX, PROFILES, Profile};
use crate::targets;
use crate::toolchain::Toolchain;
use crate::workspace::in_workspace;

const BUILD: Duration = Duration::from_secs(900);

/// Builds a program for a Rust target and gives its absolute path.
///
/// # Errors
/// When no toolchain can, or the build fails.
pub(crate) fn build(target: &'static str, profile: &Profile) -> Result<PathBuf> {
    let Profile { package, cargo_profile, binary, feature, .. } = profile;
    let toolchain = Toolchain::for_target(target)?;
    step(&format!("Building {binary} with {toolchain}"), || {
        let mut cargo = toolchain.cargo_to_link("build")?;
        cargo.args(["--profile", cargo_profile, "--package", package, "--bin", binary]);
        cargo.args(["--features", feature.unwrap_or_default()]);
        cargo.args(["--quiet", "--message-format", "json-render-diagnostics"]);
        let (status, messages) = finish(in_workspace(&mut cargo), BUILD)?;
        if !status.success() {
            bail!("cargo could not build {binary}");
        }
        executable(&messages, binary).with_context(|| format!("cargo did not say where it put {binary}"))
    })
}

/// Builds all that the tests boot, so that the first test does not have to. Returns the environment variables by which the tests
/// find it.
pub(crate) fn for_tests() -> Result<Vec<(String, PathBuf)>> {
    let mut built = vec![("NANOQGA_IMAGE_linux_x86_64".into(), build(targets::LINUX_TARGET, &LINUX)?)];
    for target in targets::targets() {
        let architecture = target.split('-').next().unwrap_or_default().replace("riscv64imac", "riscv64");
        for profile in PROFILES.into_iter().chain(FOR_TESTS).filter(|profile| profile.is_for(&architecture)) {
            let variable = format!("NANOQGA_IMAGE_{}_{architecture}", profile.name.replace('-', "_"));
            built.push((variable, build(target, profile)?));
        }
        if !target.starts_with("x86_64") {
            build_efi_loader(target)?;
        }
    }
    Ok(built)
}

/// Builds the program that only prints one byte. No image can be faster.
pub(crate) fn build_first_byte(target: &'static str) -> Result<PathBuf> {
    build(target, &FIRST_BYTE)
}

/// Builds the EFI application that boots the image which lies behind it.
pub(crate) fn build_efi_loader(target: &'static str) -> Result<PathBuf> {
    build(target, &EFI_LOADER)
}

/// The path in cargo's messages of the executable called `binary`.
fn executable(messages: &str, binary: &str) -> Option<PathBuf> {
    messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let made = message["target"]["name"] == binary && message["target"]["kind"][0] == "bin";
        made.then(|| message["executable"].as_str().map(PathBuf::from))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"nanoqga"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"nanoqga"},"executable":"/t/nanoqga"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages, "nanoqga"), Some("/t/nanoqga".into()));
        assert_eq!(executable(messages, "other"), None);
    }
}
