//! `cargo xtask image`: the bootable image of one profile, as a program or on a disk.

pub(crate) mod compile;
mod profile;

use std::path::PathBuf;

use anyhow::Result;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::qemu::Format;

pub(crate) use self::compile::{build, build_first_byte, for_tests};
use self::profile::PROFILES;
pub(crate) use self::profile::{APPLIANCE, BARE, LINUX, NANO, Profile};
use crate::boot_disk;
use crate::options::{Argument, Options, Usage};
use crate::setup;
use crate::targets;

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
        setup::boot_disks()?;
        let image = self.elf.map_or_else(|| build(targets::target(machine), profile), Ok)?;
        let disk = self.output.unwrap_or_else(|| image.with_extension(format.name()));
        boot_disk::make(machine, &image, &self.append.unwrap_or_default(), format, &disk)?;
        Ok(disk)
    }
}
