//! Building one of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use nanoqga_testkit::process::{find, on_its_own, run};
use nanoqga_testkit::progress::step_with_output;

use super::osdk;
use crate::apt::{Needed, need};
use crate::workspace::{self, in_workspace};

const BUILD: Duration = Duration::from_secs(1800);
const INSTALL: Duration = Duration::from_secs(900);

/// A program of a kernel's folder.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// What it is called here and in the tests.
    pub name: &'static str,
    /// Its folder under `targets/kernels`.
    pub folder: &'static str,
    /// What builds it.
    pub build: Build,
    /// What is built, below the folder for what is built.
    pub program: &'static str,
    /// What makes of that what QEMU boots.
    pub finish: Finish,
    /// What it needs of Debian, to be built and to boot.
    pub needs: &'static [Needed],
    /// Whether only the whole test has it.
    pub long: bool,
}

/// What builds a program.
#[derive(Debug)]
pub(crate) enum Build {
    /// `cargo build --locked`, which is told this besides.
    Cargo(&'static [&'static str]),
    /// OSTD's own tool, which is told this besides, into the folder `target` of the kernel's own.
    Osdk(&'static [&'static str]),
}

/// What is done with a program, in a folder of its own, to have what QEMU boots.
#[derive(Debug)]
pub(crate) enum Finish {
    /// Nothing: QEMU boots the program.
    Nothing,
    /// What a function of the program and the folder does, which returns what QEMU boots.
    Function(fn(&Path, &Path) -> Result<PathBuf>),
    /// What a program of the kernel's own workspace does, which cargo runs, with the two as its last arguments. QEMU boots a file of
    /// this name then.
    Cargo(&'static [&'static str], &'static str),
}

impl Kernel {
    /// Sees to it that the toolchain is there that its folder names, and its tool.
    ///
    /// # Errors
    /// When one is not and cannot be installed. The error is the reason to skip what needs it.
    pub(super) fn toolchain(&self) -> Result<()> {
        let Some(rustup) = find("rustup") else {
            bail!(
                "{} needs a toolchain of its own, and rustup, which installs it, is not here: https://rustup.rs has it",
                self.name
            )
        };
        // It takes what the folder's toolchain file says, and is quick when all is there.
        let mut install = Command::new(rustup);
        self.in_folder(install.args(["toolchain", "install", "--no-self-update"]));
        run(&mut install, INSTALL).with_context(|| format!("the toolchain of {} cannot be installed", self.name))?;
        match self.build {
            Build::Cargo(_) => Ok(()),
            Build::Osdk(_) => osdk::install(),
        }
    }

    /// Builds what QEMU boots, and gives its path.
    ///
    /// # Errors
    /// When something that it needs cannot be had, or it does not build.
    pub(super) fn build(&self) -> Result<PathBuf> {
        need(self.needs.iter())?;
        step_with_output(&format!("Building the kernel {}", self.name), || {
            run(&mut self.build_command(), BUILD)?;
            let built = self.target_folder();
            let program = built.join(self.program);
            let folder = built.join("boot").join(self.name);
            fs::create_dir_all(&folder)?;
            match &self.finish {
                Finish::Nothing => Ok(program),
                Finish::Function(finish) => finish(&program, &folder),
                Finish::Cargo(arguments, file) => {
                    run(self.cargo("run").args(*arguments).arg("--").args([&program, &folder]), BUILD)?;
                    Ok(folder.join(file))
                }
            }
        })
    }

    /// Whether its folder asks for the toolchain that this project has.
    pub(super) fn has_our_toolchain(&self) -> Result<bool> {
        let channel = |file| {
            let text = fs::read_to_string(workspace::path(file))?;
            Ok::<_, Error>(text.lines().find(|line| line.starts_with("channel")).map(String::from))
        };
        Ok(channel(&format!("targets/kernels/{}/rust-toolchain.toml", self.folder))? == channel("rust-toolchain.toml")?)
    }

    /// Checks the format of its folder, by this project's rustfmt.
    pub(super) fn format(&self) -> Command {
        let mut format = Command::new("cargo");
        let manifest = self.sources().join("Cargo.toml");
        in_workspace(format.args(["fmt", "--all", "--check", "--manifest-path"]).arg(manifest));
        format
    }

    /// Runs clippy over its folder.
    pub(super) fn clippy(&self) -> Command {
        let mut clippy = self.cargo("clippy");
        if let Build::Cargo(arguments) = self.build {
            clippy.args(arguments);
        }
        clippy.args(["--", "--deny", "warnings"]);
        clippy
    }

    /// The name of the environment variable by which the tests find it.
    pub(super) fn variable(&self) -> String {
        format!("NANOQGA_KERNEL_{}", self.name.replace('-', "_"))
    }

    /// What the names of the tests about it have in them.
    pub(super) fn tests(&self) -> String {
        self.name.replace('-', "_")
    }

    fn build_command(&self) -> Command {
        let mut build = match self.build {
            Build::Cargo(arguments) => {
                let mut build = self.cargo("build");
                build.args(arguments);
                return build;
            }
            Build::Osdk(arguments) => osdk::build(arguments),
        };
        self.in_folder(&mut build);
        build
    }

    fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args([subcommand, "--locked", "--target-dir"]).arg(self.target_folder());
        self.in_folder(&mut cargo);
        cargo
    }

    /// Kept between runs, apart for each folder.
    fn target_folder(&self) -> PathBuf {
        match self.build {
            Build::Cargo(_) => workspace::path("target/kernels").join(self.folder),
            Build::Osdk(_) => self.sources().join("target"),
        }
    }

    fn in_folder(&self, command: &mut Command) {
        on_its_own(command).current_dir(self.sources());
    }

    fn sources(&self) -> PathBuf {
        workspace::path("targets/kernels").join(self.folder)
    }
}
