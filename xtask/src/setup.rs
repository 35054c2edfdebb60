//! `cargo xtask setup`: what the other subcommands need, fetched once.

mod rust;

use std::collections::BTreeSet;

use anyhow::Result;
use debian::packages::KEYRING;
use debian::reference::QemuGa;
use nanoqga_testkit::machine::Machine;

pub(crate) use self::rust::{
    cargo_deny, cargo_fuzz, cargo_hack, cargo_mutants, has_cargo_deny, has_cargo_mutants, lints, mdbook, toolchain,
    vsock,
};
use crate::apt::{Needed, need};
use crate::kernels;
use crate::nightly;
use crate::proofs;
use crate::targets;
use crate::toolchain::Toolchain;

const QEMU: [Needed; 3] = [
    Needed { program: "qemu-system-x86_64", package: "qemu-system-x86" },
    Needed { program: "qemu-system-aarch64", package: "qemu-system-arm" },
    Needed { program: "qemu-system-riscv64", package: "qemu-system-misc" },
];
/// What boot disks are made with.
const BOOT_DISKS: [Needed; 4] = [
    Needed { program: "qemu-img", package: "qemu-utils" },
    Needed { program: "grub-mkimage", package: "grub-common" },
    Needed { program: "/usr/lib/grub/i386-pc/boot.img", package: "grub-pc-bin" },
    Needed { program: "/usr/lib/grub/x86_64-efi/multiboot2.mod", package: "grub-efi-amd64-bin" },
];
/// What tests make disks with, look into them with, and boot them by.
const DISKS: [Needed; 7] = [
    Needed { program: "mkfs.fat", package: "dosfstools" },
    Needed { program: "mcopy", package: "mtools" },
    Needed { program: "genisoimage", package: "genisoimage" },
    Needed { program: "sfdisk", package: "fdisk" },
    Needed { program: "/usr/share/ovmf/OVMF.fd", package: "ovmf" },
    Needed { program: "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", package: "qemu-efi-aarch64" },
    Needed { program: "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin", package: "u-boot-qemu" },
];
const LIBVIRT: [Needed; 2] = [
    Needed { program: "libvirtd", package: "libvirt-daemon-system" },
    Needed { program: "virsh", package: "libvirt-clients" },
];

/// The DHCP server of a test.
const NETWORK: [Needed; 1] = [Needed { program: "dnsmasq", package: "dnsmasq-base" }];

/// What the guide talks to an agent with.
const GUIDE: [Needed; 1] = [Needed { program: "socat", package: "socat" }];

/// What the agent for Linux is compared with where no newer one can be downloaded, what downloads that, and what makes the file
/// systems that the agent freezes.
const LINUX: [Needed; 4] = [
    Needed { program: KEYRING, package: "debian-archive-keyring" },
    Needed { program: "qemu-ga", package: "qemu-guest-agent" },
    Needed { program: "mkfs.ext4", package: "e2fsprogs" },
    Needed { program: "dpkg-deb", package: "dpkg" },
];

/// What kernels in C are compiled with.
const C_COMPILERS: [Needed; 2] = [
    Needed { program: "gcc", package: "gcc" },
    Needed { program: "riscv64-linux-gnu-gcc", package: "gcc-riscv64-linux-gnu" },
];
const VALGRIND: [Needed; 1] = [Needed { program: "valgrind", package: "valgrind" }];
/// What the header is tested with.
const CPP: [Needed; 1] = [Needed { program: "g++", package: "g++" }];

/// What the pages of the book are opened in by a test. `setup` leaves it out: it takes 350 MB.
const BROWSER: [Needed; 1] = [Needed { program: "chromium", package: "chromium" }];

/// Install what the other subcommands need.
///
/// That is QEMU and its agent, firmware, disk tools, GRUB, socat, dnsmasq, libvirt, C compilers, valgrind, cargo-deny, cargo-fuzz, cargo-hack, cargo-mutants,
/// vhost-device-vsock, a
/// nightly Rust with Miri, the toolchains of the kernels in targets/kernels, and the Rust targets of the images, the agent for Linux
/// and the proofs. As root it installs Debian packages; for anyone else it prints the command to run. The newest qemu-ga is
/// downloaded into target/roots and not installed. Subcommands do the part of this that they need.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn main() -> Result<()> {
    qemu()?;
    disks()?;
    guide()?;
    network()?;
    libvirt()?;
    linux()?;
    c_tests()?;
    lints()?;
    cargo_deny()?;
    cargo_fuzz()?;
    cargo_hack()?;
    cargo_mutants()?;
    vsock()?;
    if let Err(reason) = nightly::install() {
        eprintln!("Without Miri: {reason:#}");
    }
    kernels::setup()?;
    // Those of the proofs beside those of the machines, each once.
    let targets: BTreeSet<_> = targets::targets()
        .into_iter()
        .chain([targets::LINUX_TARGET])
        .chain(proofs::ENGINE.targets.iter().copied())
        .collect();
    for target in targets {
        eprintln!("{target}: {}", Toolchain::for_target(target)?);
    }
    eprintln!("Everything is set up.");
    Ok(())
}

/// Sees to it that QEMU is there, for every machine.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn qemu() -> Result<()> {
    need(QEMU.iter())
}

/// Sees to it that QEMU is there for one machine.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn qemu_for(machine: &Machine) -> Result<()> {
    need(QEMU.iter().filter(|needed| needed.program == machine.qemu))
}

/// Sees to it that the tools that make boot disks are there.
///
/// # Errors
/// When they are not and cannot be installed.
pub(crate) fn boot_disks() -> Result<()> {
    need(BOOT_DISKS.iter())
}

/// Sees to it that the tools with which tests make and look into disks are there, and what boots from them.
///
/// # Errors
/// When they are not and cannot be installed.
pub(crate) fn disks() -> Result<()> {
    need(BOOT_DISKS.iter().chain(&DISKS))
}

/// Sees to it that the DHCP server of a test is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn network() -> Result<()> {
    need(NETWORK.iter())
}

/// Sees to it that what the guide uses is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn guide() -> Result<()> {
    need(GUIDE.iter())
}

/// Sees to it that libvirt is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn libvirt() -> Result<()> {
    need(LIBVIRT.iter())
}

/// Sees to it that there is what the agent for Linux is tested and measured with.
///
/// # Errors
/// When there is not, and it cannot be installed.
pub(crate) fn linux() -> Result<()> {
    need(LINUX.iter())?;
    QemuGa::find().map(drop)
}

/// Sees to it that what kernels in C are compiled with is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn c_compilers() -> Result<()> {
    need(C_COMPILERS.iter())
}

/// Sees to it that what the library for C is tested with is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub(crate) fn c_tests() -> Result<()> {
    need(C_COMPILERS.iter().chain(&VALGRIND).chain(&CPP))
}

/// What counts instructions.
pub(crate) fn valgrind() -> Result<()> {
    need(VALGRIND.iter())
}

/// Sees to it that there is a browser.
///
/// # Errors
/// When there is none and it cannot be installed.
pub(crate) fn browser() -> Result<()> {
    need(BROWSER.iter())
}
