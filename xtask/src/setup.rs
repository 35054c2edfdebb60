//! `cargo xtask setup`: what the other subcommands need, fetched once.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::debian::KEYRING;
use crate::machine::{LINUX as LINUX_MACHINE, Machine, targets};
use crate::options::Options;
use crate::process::{find, is_root, output, run};
use crate::progress::step;
use crate::proofs;
use crate::toolchain::Toolchain;

const INSTALL: Duration = Duration::from_secs(900);

/// The compiler that Miri and docs.rs's flags need. Pinned, because each night brings another one.
const NIGHTLY: &str = "nightly-2026-07-21";

/// A program that must be there, or the path of a file, and the Debian package that brings it.
struct Needed {
    program: &'static str,
    package: &'static str,
}

const QEMU: [Needed; 3] = [
    Needed { program: "qemu-system-x86_64", package: "qemu-system-x86" },
    Needed { program: "qemu-system-aarch64", package: "qemu-system-arm" },
    Needed { program: "qemu-system-riscv64", package: "qemu-system-misc" },
];
/// What disks are made with, booted by, and looked into.
const DISKS: [Needed; 10] = [
    Needed { program: "qemu-img", package: "qemu-utils" },
    Needed { program: "mkfs.fat", package: "dosfstools" },
    Needed { program: "mcopy", package: "mtools" },
    Needed { program: "sfdisk", package: "fdisk" },
    Needed { program: "grub-mkimage", package: "grub-common" },
    Needed { program: "/usr/lib/grub/i386-pc/boot.img", package: "grub-pc-bin" },
    Needed { program: "/usr/lib/grub/x86_64-efi/multiboot2.mod", package: "grub-efi-amd64-bin" },
    Needed { program: "/usr/share/ovmf/OVMF.fd", package: "ovmf" },
    Needed { program: "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", package: "qemu-efi-aarch64" },
    Needed { program: "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin", package: "u-boot-qemu" },
];
const LIBVIRT: [Needed; 2] = [
    Needed { program: "libvirtd", package: "libvirt-daemon-system" },
    Needed { program: "virsh", package: "libvirt-clients" },
];

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
/// What the agent in them is tested with.
const C_TESTS: [Needed; 2] =
    [Needed { program: "valgrind", package: "valgrind" }, Needed { program: "g++", package: "g++" }];

/// Of the fuzzer's own code, which is C++.
const COMPILER: [Needed; 1] = [Needed { program: "c++", package: "g++" }];

pub(crate) const HELP: &str = "\
cargo xtask setup

Installs what the other subcommands need: QEMU and its agent, firmware, disk tools, GRUB, socat, libvirt, C compilers, valgrind,
cargo-fuzz, cargo-hack, a nightly Rust with Miri, and the Rust targets of the images, the agent for Linux and the proofs. As root it installs Debian
packages; for anyone else it prints the command to run. Subcommands do the part of this that they need.
";

pub(crate) fn main(mut options: Options) -> Result<()> {
    if let Some(argument) = options.argument()? {
        return Err(argument.unexpected());
    }
    qemu()?;
    disks()?;
    guide()?;
    libvirt()?;
    linux()?;
    c_tests()?;
    lints()?;
    fuzz()?;
    packages()?;
    if let Err(reason) = nightly() {
        eprintln!("Without Miri: {reason:#}");
    }
    // Those of the proofs beside those of the machines, each once.
    let targets: BTreeSet<_> = targets().into_iter().chain([LINUX_MACHINE.target]).chain(proofs::TARGETS).collect();
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
pub fn qemu() -> Result<()> {
    need(QEMU.iter())
}

/// Sees to it that QEMU is there for one machine.
///
/// # Errors
/// When it is not and cannot be installed.
pub fn qemu_for(machine: &Machine) -> Result<()> {
    need(QEMU.iter().filter(|needed| needed.program == machine.qemu))
}

/// Sees to it that the tools that make disks, and what boots from them, are there.
///
/// # Errors
/// When they are not and cannot be installed.
pub fn disks() -> Result<()> {
    need(DISKS.iter())
}

/// Sees to it that what the guide uses is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub fn guide() -> Result<()> {
    need(GUIDE.iter())
}

/// Sees to it that libvirt is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub fn libvirt() -> Result<()> {
    need(LIBVIRT.iter())
}

/// Sees to it that there is what the agent for Linux is tested and measured with.
///
/// # Errors
/// When there is not, and it cannot be installed.
pub fn linux() -> Result<()> {
    need(LINUX.iter())
}

/// Sees to it that what kernels in C are compiled with is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub fn c_compilers() -> Result<()> {
    need(C_COMPILERS.iter())
}

/// Sees to it that what the library for C is tested with is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub fn c_tests() -> Result<()> {
    need(C_COMPILERS.iter().chain(&C_TESTS))
}

/// Sees to it that rustfmt and clippy are there.
///
/// # Errors
/// When they are not and cannot be installed.
pub fn lints() -> Result<()> {
    for (program, component) in [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        let tool = program.trim_start_matches("cargo-");
        let works = Command::new("cargo").args([tool, "--version"]).output().is_ok_and(|asked| asked.status.success());
        if works {
            continue;
        }
        let Some(rustup) = find("rustup") else {
            bail!("{program} is not installed, and there is no rustup to fetch it with");
        };
        step(&format!("Adding {component}"), || {
            run(Command::new(rustup).args(["component", "add", component]), INSTALL)
        })?;
    }
    Ok(())
}

/// Sees to it that cargo-fuzz is there, and the compiler that it needs.
///
/// # Errors
/// When they are not and cannot be installed.
pub fn fuzz() -> Result<()> {
    need(COMPILER.iter())?;
    cargo_tool("fuzz", "0.13.2")
}

/// Sees to it that cargo-hack is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub fn packages() -> Result<()> {
    cargo_tool("hack", "0.6.46")
}

fn cargo_tool(name: &str, version: &str) -> Result<()> {
    // It comes from the registry all else comes from, so nothing has to be asked.
    let works = Command::new("cargo").args([name, "--version"]).output().is_ok_and(|asked| asked.status.success());
    if works {
        return Ok(());
    }
    let package = format!("cargo-{name}");
    step(&format!("Installing {package} {version}"), || {
        run(Command::new("cargo").args(["install", &package, "--version", version, "--locked"]), INSTALL)
    })
}

/// Sees to it that a version of Rust is there; whether it is. There is none that could be fetched without rustup.
///
/// # Errors
/// When rustup does not work.
pub fn toolchain(version: &str) -> Result<bool> {
    if has_toolchain(version)? {
        return Ok(true);
    }
    let Some(rustup) = find("rustup") else { return Ok(false) };
    let add = ["toolchain", "install", version, "--profile", "minimal", "--no-self-update"];
    let added = step(&format!("Adding Rust {version}"), || run(Command::new(rustup).args(add), INSTALL));
    Ok(added.inspect_err(|error| eprintln!("{error:#}")).is_ok())
}

/// Sees to it that the pinned nightly toolchain is there, with Miri.
///
/// # Errors
/// When it is not and cannot be installed. The error is the reason to skip what needs it.
pub fn nightly() -> Result<()> {
    let Some(rustup) = find("rustup") else { bail!("there is no rustup to install {NIGHTLY} with") };
    let works = nightly_cargo().args(["miri", "--version"]).output().is_ok_and(|asked| asked.status.success());
    if works {
        return Ok(());
    }
    let mut add = Command::new(rustup);
    add.args(["toolchain", "install", NIGHTLY, "--profile", "minimal", "--no-self-update"]);
    add.args(["--component", "miri", "--component", "rust-src"]);
    step(&format!("Adding Rust {NIGHTLY} with Miri"), || run(&mut add, INSTALL))
        .with_context(|| format!("{NIGHTLY} cannot be installed"))
}

/// The cargo of the pinned nightly toolchain.
pub fn nightly_cargo() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", NIGHTLY, "cargo"]);
    command
}

fn has_toolchain(name: &str) -> Result<bool> {
    let Some(rustup) = find("rustup") else { return Ok(false) };
    let toolchains = output(Command::new(rustup).args(["toolchain", "list"]), INSTALL)?;
    Ok(toolchains.lines().any(|toolchain| toolchain.starts_with(&format!("{name}-"))))
}

/// Installs Debian packages, as root.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    step(&format!("Installing {names}"), || {
        // What is installed is said by the step; what goes wrong comes on stderr.
        let apt_get = || {
            let mut command = Command::new("apt-get");
            command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
            command
        };
        run(apt_get().arg("update"), INSTALL)?;
        run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(packages), INSTALL)
    })
}

fn need<'a>(programs: impl Iterator<Item = &'a Needed>) -> Result<()> {
    let missing: Vec<_> =
        programs.filter(|needed| find(needed.program).is_none()).map(|needed| needed.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if find("apt-get").is_none() {
        bail!("missing: {names} (Debian's names; there is no apt-get here)");
    }
    if !is_root() {
        bail!("missing: {names}. Run this, then try again:\n  sudo apt-get install --no-install-recommends {names}");
    }
    install(&missing)
}
