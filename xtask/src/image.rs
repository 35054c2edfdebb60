//! `cargo xtask image`: the bootable image of one profile, and the programs it is measured against.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::process::finish;
use nanoqga_testkit::progress::step;
use nanoqga_testkit::qemu::{Config, Format};
use serde_json::Value;

use crate::boot_disk;
use crate::options::{Argument, Options, Usage};
use crate::setup;
use crate::targets;
use crate::toolchain::Toolchain;
use crate::workspace::in_workspace;

/// The packages whose programs run without an operating system, and how Cargo compiles those.
pub(crate) const BARE: [&str; 4] = [MACHINE, IMAGES, EXAMPLE_KERNEL, LOADER];
const MACHINE: &str = "machine";
const IMAGES: &str = "appliance";
const EXAMPLE_KERNEL: &str = "example-kernel";
const LOADER: &str = "efi-loader";
const IMAGE: &str = "image";

const BUILD: Duration = Duration::from_secs(900);

/// What an image has in it.
#[derive(Debug)]
pub struct Profile {
    /// Its name on our command line.
    pub name: &'static str,
    /// The package that has it.
    package: &'static str,
    /// How Cargo compiles that.
    cargo_profile: &'static str,
    /// The program that is this profile.
    binary: &'static str,
    /// The Cargo feature that this program needs.
    feature: Option<&'static str>,
    /// Whether it has something to say of a network card.
    has_devices: bool,
    about: &'static str,
}

/// Every profile. The first is the one an image has when none is asked for.
pub static PROFILES: [&Profile; 2] = [&NANO, &APPLIANCE];

/// More that only tests boot.
static FOR_TESTS: [&Profile; 2] = [&EXAMPLE, &CRASH];

/// The smallest image.
pub static NANO: Profile = Profile {
    name: "nano",
    package: IMAGES,
    cargo_profile: IMAGE,
    binary: "nano",
    feature: None,
    has_devices: false,
    about: "the agent alone: sync, info, os, time and power commands, requests of up to 4 KiB",
};

/// The image with state behind its answers.
pub static APPLIANCE: Profile = Profile {
    name: "appliance",
    package: IMAGES,
    cargo_profile: IMAGE,
    binary: "appliance",
    feature: Some("appliance"),
    has_devices: true,
    about: "nano, and processors, memory, network, files and disks, suspend to RAM, the power button, requests of up to 128 KiB",
};

/// No profile of the image, but the Linux agent: the only program for the machine of that name.
pub static LINUX: Profile = Profile {
    name: "linux",
    package: "nanoqga-linux",
    cargo_profile: "agent",
    binary: "nanoqga-linux",
    feature: None,
    has_devices: false,
    about: "the agent for Linux, in one static file",
};

/// No profile either, but the README's kernel with an agent in it.
pub static EXAMPLE: Profile = Profile {
    name: "example-kernel",
    package: EXAMPLE_KERNEL,
    cargo_profile: IMAGE,
    binary: "example-kernel",
    feature: None,
    has_devices: false,
    about: "a kernel that the engine is linked into",
};

/// No profile either, but a guest that dies in the way that its host name says.
static CRASH: Profile = Profile {
    name: "crash",
    package: MACHINE,
    cargo_profile: IMAGE,
    binary: "crash",
    feature: None,
    has_devices: false,
    about: "one way to end badly",
};

/// No profile either, but what images are measured against.
static FIRST_BYTE: Profile = Profile {
    name: "first-byte",
    package: MACHINE,
    cargo_profile: IMAGE,
    binary: "first-byte",
    feature: None,
    has_devices: false,
    about: "nothing but one byte on the console",
};

/// No profile either, but what firmware boots an image by, from a disk.
static EFI_LOADER: Profile = Profile {
    name: "efi-loader",
    package: LOADER,
    cargo_profile: IMAGE,
    binary: "efi-loader",
    feature: None,
    has_devices: false,
    about: "an EFI application with an image behind it",
};

impl Profile {
    /// The profile called `name`.
    ///
    /// # Errors
    /// When there is none; the message lists them.
    pub fn named(name: &str) -> Result<&'static Self> {
        match PROFILES.iter().chain(&FOR_TESTS).find(|profile| profile.name == name) {
            Some(profile) => Ok(profile),
            None => bail!("no profile is called '{name}'; there are: {}", names()),
        }
    }

    /// Gives a guest the devices that an image of this profile has something to say of.
    pub fn equip(&self, config: &mut Config) {
        if self.has_devices {
            config.user_network();
        }
    }

    /// What is built for a machine: the profile that was asked for, or the first. The Linux agent has none.
    ///
    /// # Errors
    /// When one was asked for all the same.
    pub fn of(machine: &Machine, asked_for: Option<&'static Self>) -> Result<&'static Self> {
        match (machine == &targets::LINUX, asked_for) {
            (true, None) => Ok(&LINUX),
            (true, Some(profile)) => Err(Usage::new(format!("{machine} has no profile {}", profile.name)).into()),
            (false, profile) => Ok(profile.unwrap_or(PROFILES[0])),
        }
    }
}

fn names() -> String {
    PROFILES.map(|profile| profile.name).join(", ")
}

pub(crate) fn help() -> String {
    let profiles = PROFILES.map(|profile| format!("  {}: {}", profile.name, profile.about)).join("\n");
    format!(
        "\
cargo xtask image --machine MACHINE [--profile PROFILE]
cargo xtask image --machine MACHINE [--profile PROFILE | --elf FILE] --format raw|qcow2 [--append WORDS] [--output FILE]

Builds the image of a profile and prints its path as the last line on stdout. For the machine linux, that is the agent as
a static program.

--format FORMAT    elf, a program for QEMU's -kernel (when not given), or raw or qcow2, a disk that firmware boots: BIOS and
                   UEFI on q35 and pc, UEFI on aarch64 and riscv64; microvms have none
--append WORDS     the kernel command line that is on the disk; its words may not have quotes, $ or \\
--elf FILE         puts this ELF program on the disk instead of a profile's image
--output FILE      writes the disk here instead of beside the image

Machines: {}
Profiles:
{profiles}
",
        targets::machines()
    )
}

pub(crate) fn main(mut options: Options) -> Result<()> {
    let (mut machine, mut profile) = (None, None);
    let mut disk = Disk::default();
    let mut format = None;
    while let Some(argument) = options.argument()? {
        match argument {
            Argument::Option(name) if name == "machine" => machine = Some(options.value(targets::machine)?),
            Argument::Option(name) if name == "profile" => profile = Some(options.value(Profile::named)?),
            Argument::Option(name) if name == "format" => format = options.value(boot_disk::format_named)?,
            Argument::Option(name) if name == "append" => disk.append = Some(options.value(|words| Ok(words.into()))?),
            Argument::Option(name) if name == "elf" => disk.elf = Some(options.value(|file| Ok(file.into()))?),
            Argument::Option(name) if name == "output" => disk.output = Some(options.value(|file| Ok(file.into()))?),
            other => return Err(other.unexpected()),
        }
    }
    let Some(machine) = machine else {
        return Err(Usage::new(format!("--machine is missing; there are: {}", targets::machines())).into());
    };
    let profile = Profile::of(machine, profile)?;
    let image = match format {
        Some(format) => disk.build(machine, profile, format)?,
        None if disk == Disk::default() => build(targets::target(machine), profile)?,
        None => {
            return Err(Usage::new("--append, --elf and --output are for disks: --format raw or qcow2").into());
        }
    };
    println!("{}", image.display());
    Ok(())
}

/// What was asked for of a disk.
#[derive(Debug, Default, PartialEq, Eq)]
struct Disk {
    append: Option<String>,
    /// What is on it, in place of a profile's image.
    elf: Option<PathBuf>,
    /// Where it is written, in place of beside the image.
    output: Option<PathBuf>,
}

impl Disk {
    fn build(self, machine: &Machine, profile: &Profile, format: Format) -> Result<PathBuf> {
        boot_disk::check(machine)?;
        setup::disks()?;
        let image = self.elf.map_or_else(|| build(targets::target(machine), profile), Ok)?;
        let disk = self.output.unwrap_or_else(|| image.with_extension(format.name()));
        boot_disk::make(machine, &image, &self.append.unwrap_or_default(), format, &disk)?;
        Ok(disk)
    }
}

/// Builds the image of `profile` for a machine's Rust target and gives its absolute path.
///
/// # Errors
/// When no toolchain can, or the build fails.
pub fn build(target: &'static str, profile: &Profile) -> Result<PathBuf> {
    build_binary(target, profile)
}

/// Builds all that the tests boot here, where that shows, and not within the first test. They find it by their environment.
pub(crate) fn for_tests() -> Result<Vec<(String, PathBuf)>> {
    let mut built = vec![("NANOQGA_IMAGE_linux_x86_64".into(), build(targets::LINUX_TARGET, &LINUX)?)];
    for target in targets::targets() {
        let architecture = target.split('-').next().unwrap_or_default().replace("riscv64imac", "riscv64");
        for profile in PROFILES.into_iter().chain(FOR_TESTS) {
            let variable = format!("NANOQGA_IMAGE_{}_{architecture}", profile.name.replace('-', "_"));
            built.push((variable, build(target, profile)?));
        }
        if !target.starts_with("x86_64") {
            build_efi_loader(target)?;
        }
    }
    Ok(built)
}

/// Builds the program that only prints one byte: the measure of how fast an image can be.
///
/// # Errors
/// As [`build`].
pub fn build_first_byte(target: &'static str) -> Result<PathBuf> {
    build_binary(target, &FIRST_BYTE)
}

/// Builds the EFI application that boots the image which lies behind it.
pub(crate) fn build_efi_loader(target: &'static str) -> Result<PathBuf> {
    build_binary(target, &EFI_LOADER)
}

fn build_binary(target: &'static str, profile: &Profile) -> Result<PathBuf> {
    let Profile { package, cargo_profile, binary, feature, .. } = profile;
    let toolchain = Toolchain::for_target(target)?;
    step(&format!("Building {binary} with {toolchain}"), || {
        let mut cargo = toolchain.cargo("build");
        cargo.args(["--profile", cargo_profile, "--package", package, "--bin", binary]);
        cargo.args(["--features", feature.unwrap_or_default()]);
        cargo.args(["--quiet", "--message-format", "json-render-diagnostics"]);
        cargo.env("RUSTFLAGS", flags_without_local_paths(&toolchain)?);
        let (status, messages) = finish(in_workspace(&mut cargo), BUILD)?;
        if !status.success() {
            bail!("cargo could not build {binary}");
        }
        executable(&messages, binary).with_context(|| format!("cargo did not say where it put {binary}"))
    })
}

/// The caller's flags, and those by which an image says nothing of the machine that built it: the files that a panic names
/// begin with their crate.
pub(crate) fn flags_without_local_paths(toolchain: &Toolchain) -> Result<String> {
    let mut flags: Vec<_> = env::var("RUSTFLAGS").into_iter().collect();
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    // A folder for each registry; there is none before the first download, whose paths then stay.
    let registries = cargo_home.and_then(|home| home.join("registry/src").read_dir().ok());
    let registries = registries.into_iter().flatten().flatten().map(|registry| registry.path());
    for folder in registries.chain([toolchain.library()?]) {
        flags.push(format!("--remap-path-prefix={}/=", folder.display()));
    }
    Ok(flags.join(" "))
}

/// The path in cargo's messages of the executable called `binary`.
fn executable(messages: &str, binary: &str) -> Option<PathBuf> {
    messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let made = message["target"]["name"] == binary && message["target"]["kind"][0] == "bin";
        made.then(|| message["executable"].as_str().map(PathBuf::from))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_profile_gets_a_message_with_the_known_ones() {
        let error = Profile::named("giant").unwrap_err().to_string();
        assert_eq!(error, "no profile is called 'giant'; there are: nano, appliance");
    }

    #[test]
    fn the_executable_is_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"nanoqga"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"nanoqga"},"executable":"/t/nanoqga"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages, "nanoqga"), Some("/t/nanoqga".into()));
        assert_eq!(executable(messages, "other"), None);
    }
}
