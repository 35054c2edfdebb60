//! `cargo xtask image`: the bootable image of one profile, as a program or on a disk.

pub(crate) mod compile;
mod profile;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::qemu::Format;

pub(crate) use self::compile::{build, build_first_byte, for_tests};
pub(crate) use self::profile::{
    APPLIANCE, APPLIANCE_XEN, BARE, EFI_LOADER, LINUX, NANO, NANO_XEN, Profile, named_profile,
};
use crate::boot_disk;
use crate::setup;
use crate::targets::{self, LinuxTarget};
use crate::usage::usage;

/// Build the image and print its path.
///
/// The path is the last line on stdout. For the machine linux, the image is the agent as a static program.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which machine boots it
    #[arg(long, value_parser = targets::named_machine())]
    machine: &'static Machine,
    /// What the image has in it; nano when not given
    #[arg(long, value_parser = named_profile())]
    profile: Option<&'static Profile>,
    /// For which machines the agent for Linux is; x86_64 when not given
    #[arg(long, value_parser = targets::named_linux())]
    arch: Option<&'static LinuxTarget>,
    /// What is written
    #[arg(long, value_enum, default_value_t = Kind::Elf)]
    format: Kind,
    #[command(flatten)]
    disk: Disk,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A program for QEMU's -kernel
    Elf,
    /// A disk that firmware boots: BIOS and UEFI on q35 and pc, UEFI on aarch64 and riscv64; microvms have none
    Raw,
    /// The same in QEMU's own format
    Qcow2,
}

/// What is asked for of a disk.
#[derive(Debug, PartialEq, Eq, clap::Args)]
struct Disk {
    /// The kernel command line that is on the disk; its words may not have quotes, $ or \
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    append: Option<String>,
    /// Put this ELF program on the disk instead of a profile's image
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    elf: Option<PathBuf>,
    /// Write the disk here instead of beside the image
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn main(args: Args) -> Result<()> {
    let Args { machine, profile, arch, format, disk } = args;
    if arch.is_some() && machine != &targets::LINUX {
        return Err(usage("--arch is for --machine linux: the other machines have one each"));
    }
    let profile = Profile::of(machine, profile)?;
    let image = match format {
        Kind::Raw => disk.build(machine, profile, Format::Raw)?,
        Kind::Qcow2 => disk.build(machine, profile, Format::Qcow2)?,
        Kind::Elf if disk == (Disk { append: None, elf: None, output: None }) => {
            build(arch.map_or_else(|| targets::target(machine), |linux| linux.target), profile)?
        }
        Kind::Elf => return Err(usage("--append, --elf and --output are for disks: --format raw or qcow2")),
    };
    println!("{}", image.display());
    Ok(())
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
