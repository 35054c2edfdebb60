//! Programs and kernels for guests, from Debian's packages: downloaded and unpacked below target/, not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nanoqga_testkit::process::{output, run};
use nanoqga_testkit::progress::step;

pub use apt::KEYRING;
pub use root::{NEWEST, Root, alone, chosen_by, root};

mod apt;
mod root;

const QUESTION: Duration = Duration::from_secs(60);
const DOWNLOAD: Duration = Duration::from_secs(600);

/// The end of a folder's name whose package is not all in it yet.
const HALF: &str = ".half";

/// One download at a time: tests want the same packages at once.
static DOWNLOADING: Mutex<()> = Mutex::new(());

/// The folder with the files of a package whose name begins with `prefix`. It is downloaded once; `name` is asked for the whole
/// name then.
///
/// # Errors
/// When it is not there and cannot be downloaded.
pub fn unpacked(prefix: &str, name: impl FnOnce() -> Result<String>) -> Result<PathBuf> {
    let _alone =
        DOWNLOADING.lock().map_err(|_| anyhow!("a download has panicked before this one, and its error is above"))?;
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").join("debian");
    if let Some(folder) = first(&all, |name| name.starts_with(prefix) && !name.ends_with(HALF)) {
        return Ok(folder);
    }
    let package = &name()?;
    let folder = all.join(package);
    step(&format!("Downloading Debian's {package}"), || {
        // Unpacked beside its place, so that what is in its place is whole.
        let half = all.join(format!("{package}.{}{HALF}", std::process::id()));
        fs::create_dir_all(&half)?;
        let mut download = Command::new("apt-get");
        download
            .args(["-qq", "-o", "APT::Sandbox::User=root", "download", package])
            .current_dir(&half)
            .stdout(std::io::stderr());
        run(&mut download, DOWNLOAD).context("`apt-get update` may help")?;
        let file = first(&half, |name| name.ends_with(".deb")).context("apt-get has downloaded no package")?;
        run(Command::new("dpkg-deb").arg("--extract").arg(&file).arg(&half), DOWNLOAD)?;
        fs::remove_file(file)?;
        if fs::rename(&half, &folder).is_err() {
            // Another process was faster.
            fs::remove_dir_all(&half)?;
        }
        Ok(folder)
    })
}

/// The first package that one of this machine's packages depends on.
///
/// # Errors
/// When it is in no index.
pub fn first_dependency(package: &str) -> Result<String> {
    let depends = output(Command::new("apt-cache").args(["depends", "--important", package]), QUESTION)?;
    let first = apt::first_dependency(&depends);
    first.with_context(|| format!("{package} is in no package index; try `apt-get update`"))
}

/// The error's text when a folder of unpacked packages has a file too few.
pub(crate) fn damaged(folder: &Path, missing: &str) -> String {
    format!("{} has no {missing}: remove that folder, and it is downloaded again", folder.display())
}

/// The first entry of a folder whose name is wanted.
pub fn first(folder: &Path, wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let mut entries: Vec<_> = folder.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort_unstable();
    entries.into_iter().find(|path| path.file_name().is_some_and(|name| wanted(&name.to_string_lossy())))
}
