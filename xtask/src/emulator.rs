//! Which QEMU runs guests: the one in PATH, or another that `NANOQGA_QEMU` names in the environment.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::debian::{self, Root};
use crate::process::find;

/// `newest` for Debian's newest QEMU, or a folder with QEMU's programs.
pub(crate) const VARIABLE: &str = "NANOQGA_QEMU";
pub(crate) const NEWEST: &str = "newest";

/// The programs for every machine, and what they load into guests.
const PACKAGES: [&str; 6] =
    ["qemu-system-x86", "qemu-system-arm", "qemu-system-riscv", "ipxe-qemu", "opensbi", "seabios"];

/// Where packages keep what QEMU loads by name.
const DATA: [&str; 3] = ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"];
const MODULES: &str = "usr/lib/x86_64-linux-gnu/qemu";

/// The command that runs one of QEMU's programs, such as `qemu-system-x86_64`.
///
/// # Errors
/// When the program is not there, or cannot be downloaded.
pub fn command(program: &str) -> Result<Command> {
    match env::var(VARIABLE) {
        Err(_) => {
            let path = find(program);
            path.map(Command::new).with_context(|| format!("{program} is not installed; `cargo xtask setup` does that"))
        }
        Ok(name) if name == NEWEST => newest_command(&newest()?, program),
        Ok(folder) => Ok(Command::new(Path::new(&folder).join(program))),
    }
}

/// Debian's newest QEMU, downloaded once.
///
/// # Errors
/// When it cannot be downloaded.
pub(crate) fn newest() -> Result<Root> {
    debian::root("qemu", &debian::NEWEST, &PACKAGES)
}

fn newest_command(root: &Root, program: &str) -> Result<Command> {
    let mut command = root.command(program)?;
    command.env("QEMU_MODULE_DIR", root.path(MODULES));
    for folder in DATA {
        command.arg("-L").arg(root.path(folder));
    }
    Ok(command)
}
