//! `cargo xtask dist`: the agent for Linux as others install it.

mod deb;
mod recipes;

use std::env;
use std::fs::{self, File};
use std::io::BufWriter;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use debian::initramfs::Archive;
use nanoqga_testkit::process::{output, run};
use nanoqga_testkit::progress::step;

use crate::image::{self, LINUX};
use crate::targets::{self, LINUX_TARGETS, LinuxTarget};
use crate::workspace;

/// Build the agent for Linux for each architecture, and packages of it.
///
/// Writes programs, Debian packages, initramfs archives and recipes for other distributions to target/dist; packaging/README.md
/// says what each is. The same commit makes the same bytes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For this architecture only; it may be given more than once
    #[arg(long, value_parser = targets::named_linux())]
    arch: Vec<&'static LinuxTarget>,
    /// Write to this folder instead
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// How long a tool may take.
const TOOL: Duration = Duration::from_secs(300);

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn main(args: Args) -> Result<()> {
    let folder = args.output.unwrap_or_else(|| workspace::path("target/dist"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let linuxes = if args.arch.is_empty() { LINUX_TARGETS.iter().collect() } else { args.arch };
    let date = date()?;
    let mut programs = Vec::new();
    for linux in linuxes {
        let program = folder.join(format!("nanoqga-linux-{}", linux.architecture));
        fs::copy(image::build(linux.target, &LINUX)?, &program)?;
        step(&format!("Packing for {}", linux.architecture), || {
            initramfs(&program, &folder.join(format!("initramfs-{}.cpio", linux.architecture)))?;
            deb::build(&program, linux.debian, &date, &folder)
        })?;
        programs.push(program);
    }
    step("Writing recipes", || recipes::write(&programs, &date, &folder))?;
    let sums = output(in_folder("sh", &folder).args(["-c", "find . -type f | sort | xargs sha256sum"]), TOOL)?;
    fs::write(folder.join("SHA256SUMS"), sums)?;
    println!("{}", folder.display());
    Ok(())
}

/// The seconds since 1970 that files get as their date.
fn date() -> Result<String> {
    if let Ok(date) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(date);
    }
    let mut git = Command::new("git");
    let date = output(git.args(["log", "-1", "--format=%ct"]).current_dir(workspace::path("")), TOOL)
        .context("without git, SOURCE_DATE_EPOCH must say the date")?;
    Ok(date.trim().into())
}

/// What a kernel boots into: the agent as its first process.
fn initramfs(program: &Path, path: &Path) -> Result<()> {
    let mut archive = Archive::new(BufWriter::new(File::create(path)?));
    for directory in ["/dev", "/etc", "/modules", "/root", "/mnt"] {
        archive.directory(directory)?;
    }
    archive.character_device("/dev/console", (5, 1))?;
    archive.file("/init", 0o755, &fs::read(program)?)?;
    archive.end()?.into_inner().context("cannot write the initramfs")?;
    Ok(())
}

/// Packs a folder, whose files get this date, to a compressed archive. Its bytes depend on nothing else.
fn pack(parent: &Path, folder: &str, date: &str, archive: &Path) -> Result<()> {
    let mut tar = in_folder("sh", parent);
    let pack =
        "tar --sort=name --mtime=@$0 --owner=0 --group=0 --numeric-owner --format=gnu -c \"$1\" | gzip -n9 > \"$2\"";
    run(tar.args(["-ec", pack, date, folder]).arg(archive), TOOL)
}

/// Copies a file to a place below a folder.
fn install(from: &Path, folder: &Path, place: &str, mode: u32) -> Result<()> {
    let to = folder.join(place);
    fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
    fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    fs::set_permissions(&to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

fn in_folder(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

/// A file of packaging/.
fn packaging(name: &str) -> PathBuf {
    workspace::path("packaging").join(name)
}
