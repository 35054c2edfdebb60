//! Files on their way into packages and archives.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::process::run;

use crate::workspace;

/// How long a tool may take.
pub(super) const TOOL: Duration = Duration::from_secs(300);

/// That of what is packed.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Packs a folder, whose files get this date, to a compressed archive. Its bytes depend on nothing else.
///
/// # Errors
/// When tar or gzip fails.
pub(super) fn pack(parent: &Path, folder: &str, date: &str, archive: &Path) -> Result<()> {
    let mut tar = in_folder("sh", parent);
    let pack =
        "tar --sort=name --mtime=@$0 --owner=0 --group=0 --numeric-owner --format=gnu -c \"$1\" | gzip -n9 > \"$2\"";
    run(tar.args(["-ec", pack, date, folder]).arg(archive), TOOL)
}

/// Copies a file to a place below a folder.
///
/// # Errors
/// When it cannot be read or written.
pub(super) fn install(from: &Path, folder: &Path, place: &str, mode: u32) -> Result<()> {
    let to = folder.join(place);
    fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
    fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    fs::set_permissions(&to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// A program that is started in a folder.
pub(super) fn in_folder(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

/// A file of packaging/.
pub(super) fn packaging(name: &str) -> PathBuf {
    workspace::path("packaging").join(name)
}
