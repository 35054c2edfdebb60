//! The workspace's folder, and commands that run in it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The absolute path of a place in the workspace's folder.
pub(crate) fn path(place: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(place)
}

/// Makes `command` run in the workspace's folder and write to our stderr.
pub(crate) fn in_workspace(command: &mut Command) -> &mut Command {
    command.current_dir(path("")).stderr(io::stderr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_from_any_folder() {
        assert!(path("").is_absolute());
        assert!(path("Cargo.lock").is_file());
        assert!(path("xtask/src/workspace.rs").is_file());
    }
}
