//! Packages of a newer Debian than this machine has, with everything that they depend on: unpacked below target/, not installed.
//! Their programs run through their own loader and libraries, so that they may need a newer C library than is here.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::process::{output, run};
use nanoqga_testkit::progress::step;

use super::apt::Apt;
use crate::executable::Executable;

const UNPACK: Duration = Duration::from_secs(600);
const QUESTION: Duration = Duration::from_secs(60);

/// Where the newest packages are. Of each list the first suite has them, and the others have what they depend on; a list is
/// tried when those before it cannot be had.
pub const NEWEST: [&[&str]; 2] = [&["trixie-backports", "trixie"], &["sid"]];

/// The file in a root that names its packages, each with its version.
const VERSIONS: &str = "versions";

const LOADER: &str = "lib64/ld-linux-x86-64.so.2";
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
const PROGRAMS: [&str; 3] = ["usr/bin", "usr/sbin", "usr/libexec"];

/// A folder with unpacked packages, as `/` is where they are installed. What their scripts do at installation is not done.
#[derive(Clone, Debug)]
pub struct Root {
    folder: PathBuf,
    versions: BTreeMap<String, String>,
}

/// The root of that name, with these packages of one of these lists of suites (see [`NEWEST`]). It is downloaded once, and again
/// when it lacks one of the packages; to have newer versions, remove its folder in target/roots.
///
/// # Errors
/// When it is not there and cannot be downloaded. Nothing is left of it then.
pub fn root(name: &str, choices: &[&[&str]], packages: &[&str]) -> Result<Root> {
    get(name, choices, packages, fetch)
}

/// One package for another of Debian's architectures, without what it depends on.
///
/// # Errors
/// As [`root`].
pub fn alone(architecture: &str, name: &str, choices: &[&[&str]], package: &str) -> Result<Root> {
    get(name, choices, &[package], |half, suites, _| {
        let tree = emptied(half)?;
        let apt = Apt::new(half, architecture, suites)?;
        step(&format!("Downloading {package} for {architecture}"), || {
            apt.update()?;
            unpack(&[apt.download_alone(package)?], &tree)
        })?;
        Ok(tree)
    })
}

/// The first package that one depends on, for another of Debian's architectures, without what it depends on itself: the newest kernel
/// has a new name each time.
///
/// # Errors
/// As [`root`].
pub fn chosen_by(architecture: &str, name: &str, choices: &[&[&str]], package: &str) -> Result<Root> {
    get(name, choices, &[], |half, suites, _| {
        let tree = emptied(half)?;
        let apt = Apt::new(half, architecture, suites)?;
        step(&format!("Downloading {package} for {architecture}"), || {
            apt.update()?;
            unpack(&[apt.download_alone(&apt.first_dependency(package)?)?], &tree)
        })?;
        Ok(tree)
    })
}

/// The root of that name, which `fetch` makes in a folder if it is not there.
fn get(
    name: &str,
    choices: &[&[&str]],
    packages: &[&str],
    fetch: impl Fn(&Path, &[&str], &[&str]) -> Result<PathBuf>,
) -> Result<Root> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").join("roots");
    fs::create_dir_all(&all)?;
    let lock = File::create(all.join(format!("{name}.lock")))?;
    if lock.try_lock().is_err() {
        eprintln!("Waiting for another process that downloads {name}");
        lock.lock()?;
    }
    let folder = all.join(name);
    if let Ok(root) = Root::open(&folder)
        && packages.iter().all(|package| root.version_of(package).is_some())
    {
        return Ok(root);
    }
    // An interrupted download is still here, and goes on.
    let half = all.join(format!("{name}.half"));
    let mut reasons = Vec::new();
    for suites in choices {
        match fetch(&half, suites, packages) {
            Ok(whole) => {
                if folder.exists() {
                    fs::remove_dir_all(&folder)?;
                }
                fs::rename(whole, &folder)?;
                fs::remove_dir_all(&half)?;
                return Root::open(&folder);
            }
            Err(reason) => {
                // What failed may be what is here.
                fs::remove_dir_all(&half)?;
                reasons.push(format!("{}: {reason:#}", suites.join(" and ")));
            }
        }
    }
    bail!("cannot download {} of a newer Debian: {}", packages.join(" "), reasons.join("; "))
}

/// Downloads packages into a folder and unpacks them in a folder in it, which is returned.
fn fetch(half: &Path, suites: &[&str], packages: &[&str]) -> Result<PathBuf> {
    let tree = emptied(half)?;
    let apt = Apt::new(half, "amd64", suites)?;
    step(&format!("Downloading the lists of Debian's {}", suites.join(" and ")), || apt.update())?;
    let amount = apt.amount(packages)?;
    let (names, megabytes) = (packages.join(" "), amount.bytes.div_ceil(1_000_000));
    let what = format!("Downloading {names} and what they need: {} packages, {megabytes} MB", amount.packages);
    let archives = step(&what, || apt.download(packages))?;
    step(&format!("Unpacking {} packages", archives.len()), || unpack(&archives, &tree))?;
    Ok(tree)
}

/// The empty folder in a folder that packages are unpacked to.
fn emptied(half: &Path) -> Result<PathBuf> {
    fs::create_dir_all(half)?;
    let tree = half.join("root");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    fs::create_dir(&tree)?;
    Ok(tree)
}

/// Unpacks archives of packages. Each is removed at once, or twice the room would be needed.
fn unpack(archives: &[PathBuf], tree: &Path) -> Result<()> {
    let mut versions = String::new();
    for archive in archives {
        run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(tree), UNPACK)?;
        // Name, tab, version, newline.
        versions += &output(Command::new("dpkg-deb").arg("--show").arg(archive), QUESTION)?;
        fs::remove_file(archive)?;
    }
    // The links that installing makes. Debian 12's packages still have files where the links are.
    for folder in ["bin", "lib", "lib64", "sbin"] {
        let (link, merged) = (tree.join(folder), tree.join("usr").join(folder));
        if link.is_dir() && !link.is_symlink() {
            fs::create_dir_all(&merged)?;
            run(Command::new("cp").args(["--archive", "--link"]).arg(link.join(".")).arg(&merged), UNPACK)?;
            fs::remove_dir_all(&link)?;
        }
        if !link.exists() {
            symlink(Path::new("usr").join(folder), link)?;
        }
    }
    // Nobody gains another user's rights by a program that is here.
    run(Command::new("chmod").args(["--recursive", "u-s,g-s"]).arg(tree), UNPACK)?;
    fs::write(tree.join(VERSIONS), versions)?;
    Ok(())
}

impl Root {
    fn open(folder: &Path) -> Result<Self> {
        let versions = fs::read_to_string(folder.join(VERSIONS))?;
        let versions = versions.lines().filter_map(|line| line.split_once('\t'));
        let versions = versions.map(|(package, version)| (package.into(), version.into())).collect();
        Ok(Self { folder: folder.to_owned(), versions })
    }

    /// Where a file of a package is; `file` is where it would be installed, without the first slash.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The version of a package, in Debian's form, if the package is here.
    pub fn version_of(&self, package: &str) -> Option<&str> {
        self.versions.get(package).map(String::as_str)
    }

    /// Where a program is, which is given by its name or as a file is for `path`.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let mut places = PROGRAMS.iter().map(|folder| self.path(folder).join(name)).chain([self.path(name)]);
        places.find(|file| file.is_file()).with_context(|| format!("{} has no {name}", self.folder.display()))
    }

    /// A program that runs through the loader here, with the libraries here.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn executable(&self, program: &str) -> Result<Executable> {
        Ok(Executable::with_loader(self.program(program)?, self.path(LOADER), self.path(LIBRARIES)))
    }

    /// Runs a program through the loader here, with the libraries here. Programs that it starts are this machine's. What is
    /// beside its executable it looks for beside the loader: tell it where its data are.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn command(&self, program: &str) -> Result<Command> {
        Ok(self.executable(program)?.command())
    }
}
