//! `cargo xtask dist`: a release, that is all files that others install.

mod bill;
mod crates;
mod deb;
mod files;
mod images;
mod library;
mod recipes;

use std::env;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use debian::initramfs::Archive;
use nanoqga_testkit::process::output;
use nanoqga_testkit::progress::step;

use self::bill::Bill;
use self::files::{TOOL, in_folder};
use crate::image::{self, LINUX};
use crate::targets::{self, LINUX_TARGETS, LinuxTarget};
use crate::workspace;

/// Build all files of a release.
///
/// Writes the images, disks that boot them, the library for kernels in C, the agent for Linux, its packages, and a bill of materials of
/// each program to target/dist; packaging/README.md says what each file is. The same commit makes the same bytes, in whatever folder it is built.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For this architecture only; it may be given more than once
    #[arg(long, value_parser = targets::named_linux())]
    arch: Vec<&'static LinuxTarget>,
    /// Write to this folder instead
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

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
        let mut bill = Bill::default();
        bill.program(&LINUX, linux.target)?;
        bill.write(&program, &date)?;
        images::write(linux.architecture, &date, &folder)?;
        library::write(linux.architecture, &date, &folder)?;
        step(&format!("Packing for {}", linux.architecture), || {
            initramfs(&program, &folder.join(format!("initramfs-{}.cpio", linux.architecture)))?;
            deb::build(&program, linux.debian, &date, &folder)
        })?;
        programs.push(program);
    }
    step("Writing recipes", || recipes::write(&programs, &date, &folder))?;
    let sums = output(in_folder("sh", &folder).args(["-c", "find . -type f | LC_ALL=C sort | xargs sha256sum"]), TOOL)?;
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
    let date = output(git.args(["log", "-1", "--format=%ct"]).current_dir(workspace::path("")), TOOL).context(
        "files get the date of the last commit, which git cannot say: set SOURCE_DATE_EPOCH to the seconds since 1970",
    )?;
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
