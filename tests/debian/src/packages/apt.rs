//! An apt of its own: lists, archives and settings in one folder, another suite than this machine's, nothing installed. It needs
//! no root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::process::{output, run};

const QUESTION: Duration = Duration::from_secs(120);
/// Gigabytes, over a slow line.
const DOWNLOAD: Duration = Duration::from_secs(3 * 3600);

/// The keys that Debian signs its suites with.
pub const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What is downloaded for a few packages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    pub packages: usize,
    pub bytes: u64,
}

/// An apt in a folder.
#[derive(Debug)]
pub(super) struct Apt {
    folder: PathBuf,
    /// The suite that packages are taken from, where several have them.
    preferred: String,
}

impl Apt {
    /// Writes its settings. Archives that an earlier one has left in the folder are used again, once apt has checked them.
    pub(super) fn new(folder: &Path, architecture: &str, suites: &[&str]) -> Result<Self> {
        ensure!(
            Path::new(KEYRING).exists(),
            "{KEYRING} is missing; `apt-get install debian-archive-keyring` brings it"
        );
        let preferred = (*suites.first().context("a suite must be named")?).to_owned();
        let uri = archive()?;
        for kept in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(kept))?;
        }
        // Suites that change weekly are only valid for a week, and some mirrors keep older ones. Signatures are checked.
        let source = |suite: &&str| {
            format!(
                "deb [arch={architecture} signed-by={KEYRING} check-valid-until=no targets=Packages] {uri} {suite} main\n"
            )
        };
        fs::write(folder.join("sources.list"), suites.iter().map(source).collect::<String>())?;
        // Nothing is installed, so that everything a package needs is downloaded.
        fs::write(folder.join("status"), "")?;
        fs::write(folder.join("apt.conf"), settings(folder, architecture))?;
        Ok(Self { folder: folder.to_owned(), preferred })
    }

    /// Downloads the lists of packages.
    pub(super) fn update(&self) -> Result<()> {
        run(self.command().args(["--error-on=any", "update"]).stdout(std::io::stderr()), DOWNLOAD)
    }

    /// What `download` would fetch.
    pub(super) fn amount(&self, packages: &[&str]) -> Result<Amount> {
        let files = output(self.install().arg("--print-uris").args(packages), QUESTION)?;
        // 'URI' name bytes hash
        let sizes = files.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok());
        Ok(Amount { packages: sizes.clone().count(), bytes: sizes.sum() })
    }

    /// Downloads packages and everything that they depend on; returns the archives.
    pub(super) fn download(&self, packages: &[&str]) -> Result<Vec<PathBuf>> {
        run(self.install().arg("--download-only").args(packages).stdout(std::io::stderr()), DOWNLOAD)?;
        archives(&self.folder.join("cache/archives"))
    }

    /// Downloads a package, and nothing else; returns the archive.
    pub(super) fn download_alone(&self, package: &str) -> Result<PathBuf> {
        let folder = self.folder.join("alone");
        fs::create_dir_all(&folder)?;
        run(self.command().args(["download", package]).current_dir(&folder).stdout(std::io::stderr()), DOWNLOAD)?;
        archives(&folder)?.pop().context("apt-get has downloaded no package")
    }

    /// The first package that one depends on.
    pub(super) fn first_dependency(&self, package: &str) -> Result<String> {
        let mut ask = Command::new("apt-cache");
        ask.arg("--config-file").arg(self.folder.join("apt.conf")).args(["depends", "--important", package]);
        first_dependency(&output(&mut ask, QUESTION)?).with_context(|| format!("{package} is in no package index"))
    }

    fn install(&self) -> Command {
        let mut command = self.command();
        command.args(["--yes", "--no-install-recommends", "--target-release", &self.preferred, "install"]);
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("-qq").arg("--config-file").arg(self.folder.join("apt.conf"));
        command
    }
}

/// The first dependency that apt-cache has listed.
pub(super) fn first_dependency(listed: &str) -> Option<String> {
    listed.lines().find_map(|line| line.trim().strip_prefix("Depends: ")).map(String::from)
}

/// The archives of packages in a folder.
fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = folder.read_dir()?.flatten().map(|entry| entry.path());
    let mut archives: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "deb")).collect();
    archives.sort_unstable();
    Ok(archives)
}

/// Where this machine's apt gets Debian's packages.
fn archive() -> Result<String> {
    let mut ask = Command::new("apt-get");
    // Not Debian-Security, whose archive has no other suites.
    ask.args(["indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian"]);
    let archives = output(&mut ask, QUESTION)?;
    let first = archives.lines().next();
    first.map(String::from).context("apt knows no archive of Debian; `apt-get update` may help")
}

/// What differs from the settings of this machine's apt; its proxies, for one, stay.
fn settings(folder: &Path, architecture: &str) -> String {
    let folder = folder.display();
    format!(
        "Dir::State \"{folder}/state\";\n\
         Dir::State::status \"{folder}/status\";\n\
         Dir::Cache \"{folder}/cache\";\n\
         Dir::Etc::SourceList \"{folder}/sources.list\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n\
         Dir::Etc::Preferences \"/dev/null\";\n\
         Dir::Etc::PreferencesParts \"/dev/null\";\n\
         #clear APT::Update::Pre-Invoke;\n\
         #clear APT::Update::Post-Invoke;\n\
         #clear APT::Update::Post-Invoke-Success;\n\
         #clear DPkg::Pre-Invoke;\n\
         #clear DPkg::Post-Invoke;\n\
         APT::Architecture \"{architecture}\";\n\
         APT::Architectures {{ \"{architecture}\"; }};\n\
         APT::Sandbox::User \"root\";\n\
         APT::Keep-Downloaded-Packages \"true\";\n\
         Acquire::Retries \"3\";\n"
    )
}
