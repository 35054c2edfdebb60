//! Guests that migrate from one QEMU to another, by way of a file.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::qemu::Config;
use nanoqga_testkit::qmp::Qmp;
use serde_json::json;

use crate::booted::soon;

/// Saves a running guest's state to a file in `folder`, which is returned. The guest runs no more in this QEMU.
///
/// # Errors
/// When QEMU cannot save it.
pub fn save(guest: &mut Guest, folder: &Path) -> Result<PathBuf> {
    let [part, state] = ["part", "state"].map(|name| folder.join(name));
    let mut qmp = guest.qmp(soon())?;
    // QEMU has written everything to the pipe before `cat` has written everything to the file.
    let save = format!("exec:cat > {0} && mv {0} {1}", part.display(), state.display());
    qmp.execute("migrate", json!({"uri": save}), soon())?;
    has_migrated(&mut qmp)?;
    soon().poll("the file with the guest's state", || Ok(state.exists().then_some(())))?;
    Ok(state)
}

/// Starts a QEMU that waits for a guest of this configuration.
///
/// # Errors
/// When it cannot be started.
pub fn awaiting(config: &Config) -> Result<Guest> {
    let mut config = config.clone();
    config.argument("-incoming", "defer");
    Guest::start(&config)
}

/// Lets a guest go on from its file, in a QEMU that waits for it.
///
/// # Errors
/// When QEMU cannot load it.
pub fn go_on(guest: &mut Guest, state: &Path) -> Result<()> {
    let mut qmp = guest.qmp(soon())?;
    qmp.execute("migrate-incoming", json!({"uri": format!("exec:cat {}", state.display())}), soon())?;
    has_migrated(&mut qmp)?;
    // It runs already, unless it was stopped before.
    qmp.execute("cont", json!({}), soon()).map(drop)
}

/// Waits for the end of a migration from or to this QEMU.
fn has_migrated(qmp: &mut Qmp) -> Result<()> {
    soon().poll("the end of the migration", || {
        let migration = qmp.execute("query-migrate", json!({}), soon())?;
        match migration["status"].as_str() {
            Some("completed") => Ok(Some(())),
            Some("failed") => bail!("QEMU's migration: {migration}"),
            _ => Ok(None),
        }
    })
}
