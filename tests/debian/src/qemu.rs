//! The newest QEMU that Debian has, as a folder with programs that run as they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages::{self, Root};

/// The programs for every machine, and what they load into guests.
const PACKAGES: [&str; 6] =
    ["qemu-system-x86", "qemu-system-arm", "qemu-system-riscv", "ipxe-qemu", "opensbi", "seabios"];
const PROGRAMS: [&str; 3] = ["qemu-system-x86_64", "qemu-system-aarch64", "qemu-system-riscv64"];

/// Where packages keep what QEMU loads by name.
const DATA: [&str; 3] = ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"];
const MODULES: &str = "usr/lib/x86_64-linux-gnu/qemu";

/// Debian's newest QEMU, downloaded once: the folder with its programs, and its version.
///
/// # Errors
/// When it cannot be downloaded.
pub fn newest() -> Result<(PathBuf, String)> {
    let root = packages::root("qemu", &packages::NEWEST, &PACKAGES)?;
    let version = root.version_of(PACKAGES[0]).context("Debian's QEMU has a version")?.into();
    let folder = root.path("programs");
    fs::create_dir_all(&folder)?;
    for program in PROGRAMS {
        // Beside its place first: another process may run the program now.
        let (script, new) = (folder.join(program), folder.join(format!("{program}.{}", std::process::id())));
        fs::write(&new, wrapper(&root, program)?)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755))?;
        fs::rename(new, script)?;
    }
    Ok((folder, version))
}

/// A script that becomes the program, with its own loader, libraries and data.
fn wrapper(root: &Root, program: &str) -> Result<String> {
    let mut command: Command = root.command(program)?;
    for folder in DATA {
        command.arg("-L").arg(root.path(folder));
    }
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| quoted(&word.to_string_lossy())).collect();
    let modules = quoted(&root.path(MODULES).to_string_lossy());
    Ok(format!("#!/bin/sh\nQEMU_MODULE_DIR={modules} exec {} \"$@\"\n", words.join(" ")))
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
