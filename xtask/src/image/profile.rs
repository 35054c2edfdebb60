//! The programs that run in guests: which package has each, and how Cargo compiles it.

use anyhow::Result;
use clap::builder::{PossibleValue, TypedValueParser};
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::qemu::Config;

use crate::targets;
use crate::usage::{one_of, usage};

/// The packages whose programs run without an operating system.
pub(crate) const BARE: [&str; 4] = [MACHINE, IMAGES, EXAMPLE_KERNEL, LOADER];
const MACHINE: &str = "machine";
const IMAGES: &str = "appliance";
const EXAMPLE_KERNEL: &str = "example-kernel";
const LOADER: &str = "efi-loader";
/// How Cargo compiles those.
const IMAGE: &str = "image";

/// A program that a guest runs: a profile of the image, or one that takes its place.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Its name on our command line.
    pub name: &'static str,
    /// The package that has it.
    pub package: &'static str,
    /// Cargo's profile by which it is compiled.
    pub cargo_profile: &'static str,
    /// Its name in the package.
    pub binary: &'static str,
    /// The Cargo features that it needs.
    pub feature: Option<&'static str>,
    /// The only architecture that it is for; `None` if it is for all.
    architecture: Option<&'static str>,
    /// Whether it drives a network card.
    has_devices: bool,
    /// What it has in it, for `--help`.
    pub about: &'static str,
}

/// The profiles of the image. The first is built when none is asked for.
pub(super) static PROFILES: [&Profile; 4] = [&NANO, &APPLIANCE, &NANO_XEN, &APPLIANCE_XEN];

/// Those that only tests boot.
pub(super) static FOR_TESTS: [&Profile; 3] = [&EXAMPLE, &CRASH, &APPLIANCE_TESTS];

/// The smallest image.
pub(crate) static NANO: Profile = Profile {
    name: "nano",
    package: IMAGES,
    cargo_profile: IMAGE,
    binary: "nano",
    feature: None,
    architecture: None,
    has_devices: false,
    about: "the agent alone: sync, info, os, time and power commands, requests of up to 4 KiB",
};

/// The same as a domain of Xen.
pub(crate) static NANO_XEN: Profile = Profile {
    name: "nano-xen",
    package: IMAGES,
    cargo_profile: IMAGE,
    binary: "nano-xen",
    feature: Some("xen"),
    architecture: Some("x86_64"),
    has_devices: false,
    about: "nano for PVH domains of Xen: over their console, without devices",
};

/// The image with state behind its answers.
pub(crate) static APPLIANCE: Profile = Profile {
    name: "appliance",
    package: IMAGES,
    cargo_profile: IMAGE,
    binary: "appliance",
    feature: Some("appliance"),
    architecture: None,
    has_devices: true,
    about: "nano, and processors, memory, network, files and disks, suspend to RAM, the power button, requests of up to 128 KiB",
};

/// The same, which may be a domain of Xen.
pub(crate) static APPLIANCE_XEN: Profile = Profile {
    name: "appliance-xen",
    package: IMAGES,
    cargo_profile: IMAGE,
    binary: "appliance-xen",
    feature: Some("appliance,xen"),
    architecture: Some("x86_64"),
    has_devices: true,
    about: "appliance, also for PVH domains of Xen: over their console, without devices",
};

/// The agent for Linux: the only program for the machine `linux`.
pub(crate) static LINUX: Profile = Profile {
    name: "linux",
    package: "nanoqga-linux",
    cargo_profile: "agent",
    binary: "nanoqga-linux",
    feature: None,
    architecture: None,
    has_devices: false,
    about: "the agent for Linux, in one static file",
};

/// The guide's kernel with an agent in it.
static EXAMPLE: Profile = Profile {
    name: "example-kernel",
    package: EXAMPLE_KERNEL,
    cargo_profile: IMAGE,
    binary: "example-kernel",
    feature: None,
    architecture: None,
    has_devices: false,
    about: "a kernel that the engine is linked into",
};

/// A guest that crashes. The host name on its command line says how.
static CRASH: Profile = Profile {
    name: "crash",
    package: MACHINE,
    cargo_profile: IMAGE,
    binary: "crash",
    feature: None,
    architecture: None,
    has_devices: false,
    about: "one way to end badly",
};

/// The appliance with tests that its host can run.
static APPLIANCE_TESTS: Profile = Profile {
    name: "appliance-tests",
    package: IMAGES,
    cargo_profile: IMAGE,
    binary: "appliance-tests",
    feature: Some("testing"),
    architecture: None,
    has_devices: true,
    about: "appliance, and tests of it",
};

/// The program that images are measured against: it only prints one byte.
pub(super) static FIRST_BYTE: Profile = Profile {
    name: "first-byte",
    package: MACHINE,
    cargo_profile: IMAGE,
    binary: "first-byte",
    feature: None,
    architecture: None,
    has_devices: false,
    about: "nothing but one byte on the console",
};

/// The program that firmware starts from a disk, and that starts the image behind it.
pub(crate) static EFI_LOADER: Profile = Profile {
    name: "efi-loader",
    package: LOADER,
    cargo_profile: IMAGE,
    binary: "efi-loader",
    feature: None,
    architecture: None,
    has_devices: false,
    about: "an EFI application with an image behind it",
};

impl Profile {
    /// Gives a guest the devices that this program drives.
    pub(crate) fn equip(&self, config: &mut Config) {
        if self.has_devices {
            config.user_network();
        }
    }

    /// Whether there is such a program for machines of an architecture.
    pub(crate) fn is_for(&self, architecture: &str) -> bool {
        self.architecture.is_none_or(|only| only == architecture)
    }

    /// The program for a machine: the profile that was asked for, or the first. For the machine `linux` that is the agent.
    ///
    /// # Errors
    /// When a profile was asked for on the machine `linux`, or on another architecture's than the only one that it is for.
    pub(crate) fn of(machine: &Machine, asked_for: Option<&'static Self>) -> Result<&'static Self> {
        match (machine == &targets::LINUX, asked_for) {
            (true, None) => Ok(&LINUX),
            (_, Some(profile)) if machine == &targets::LINUX || !profile.is_for(machine.architecture()) => {
                Err(usage(format!("{machine} has no profile {}", profile.name)))
            }
            (_, profile) => Ok(profile.unwrap_or(PROFILES[0])),
        }
    }
}

/// Takes the name of a profile on our command line. Those that only tests boot are not shown.
pub(crate) fn named_profile() -> impl TypedValueParser<Value = &'static Profile> {
    let value = |profile: &'static Profile| (PossibleValue::new(profile.name).help(profile.about), profile);
    let hidden = |profile: &'static Profile| (PossibleValue::new(profile.name).hide(true), profile);
    one_of(PROFILES.map(value).into_iter().chain(FOR_TESTS.map(hidden)))
}
