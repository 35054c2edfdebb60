//! The packages that `cargo xtask dist` makes: recipes, an initramfs, and a package that dpkg installs, keeps the configuration of, and removes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use debian::initramfs::Archive;
use debian::linux::{self, Kernel, Modules};
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::process::{is_root, output, run};
use tests::booted::synchronise;
use tests::images::{dist, linux_agent};
use tests::soon;

const CONFIGURATION: &str = "etc/qemu/qemu-ga.conf";
const PROGRAM: &str = "usr/sbin/qemu-ga";
/// That of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn package() -> Result<PathBuf> {
    Ok(dist()?.join(format!("nanoqga_{VERSION}_amd64.deb")))
}

/// Installs the package below a folder that has a shell, as dpkg does in a running system.
///
/// # Errors
/// When dpkg fails, or we are not root, as which alone it works.
pub fn install(tree: &Path) -> Result<()> {
    ensure!(is_root(), "only root can install packages below a folder");
    fs::create_dir_all(tree.join("var/lib/dpkg/info"))?;
    fs::create_dir_all(tree.join("var/lib/dpkg/updates"))?;
    for file in ["status", "available"] {
        fs::write(tree.join("var/lib/dpkg").join(file), "")?;
    }
    dpkg(tree, &["--install"], Some(&package()?))
}

fn dpkg(tree: &Path, arguments: &[&str], package: Option<&Path>) -> Result<()> {
    let mut dpkg = Command::new("dpkg");
    dpkg.arg(format!("--root={}", tree.display())).args(["--force-script-chrootless", "--force-not-root"]);
    run(dpkg.args(arguments).args(package).stdout(std::io::stderr()), SOON)
}

#[test]
fn every_recipe_says_whether_it_was_tried_and_has_no_place_left_to_fill_in() -> Result<()> {
    let dist = dist()?;
    for recipe in
        ["alpine/APKBUILD", "buildroot/nanoqga/nanoqga.mk", "openwrt/nanoqga/Makefile", "container/Containerfile"]
    {
        let text = fs::read_to_string(dist.join(recipe)).with_context(|| recipe.to_owned())?;
        let first = text.lines().next().unwrap_or_default();
        ensure!(first.starts_with("# Not tried: ") || first.starts_with("# Tried "), "{recipe}: {first}");
        for place in ["=VERSION", "= VERSION", "-VERSION", "SHA256SUM", "SHA512SUM"] {
            ensure!(!text.contains(place), "{recipe} has {place}");
        }
    }
    // What the archive is, and what is said of it.
    let sum = output(Command::new("sha512sum").arg(dist.join(format!("nanoqga-{VERSION}.tar.gz"))), SOON)?;
    let sum = sum.split_whitespace().next().context("a sum")?;
    ensure!(fs::read_to_string(dist.join("alpine/APKBUILD"))?.contains(sum));
    Ok(())
}

/// Debian's kernel has virtio in modules, which are in an archive of their own behind the one that is given to others.
#[test]
fn a_kernel_boots_into_the_initramfs() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let initramfs = folder.path().join("initramfs");
    let mut config = linux::config(&linux_agent()?, Channel::Virtio, &initramfs, &[])?;
    let mut modules = Archive::new(Vec::new());
    let bus = Modules { bus: config.machine.bus, disks: false, network: false };
    Kernel::find()?.add_modules(&mut modules, bus)?;
    let given = fs::read(dist()?.join("initramfs-x86_64.cpio"))?;
    fs::write(&initramfs, [given, modules.end()?].concat())?;
    config.append += " -v";
    let mut guest = Guest::start(&config)?;
    let mut agent = guest.connect(soon())?;
    synchronise(&mut agent, 1)?;
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    ensure!(guest.wait(soon())?.success());
    Ok(())
}

#[test]
fn a_package_is_installed_keeps_its_configuration_and_goes() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let tree = folder.path();
    install(tree)?;
    let installed = |file: &str| tree.join(file).exists();
    let unit = "usr/lib/systemd/system/qemu-guest-agent.service";
    for file in [PROGRAM, CONFIGURATION, unit, "usr/lib/udev/rules.d/60-qemu-guest-agent.rules"] {
        ensure!(installed(file), "{file}");
    }
    let said = output(Command::new(tree.join(PROGRAM)).arg("--version"), SOON)?;
    ensure!(said.starts_with("QEMU Guest Agent "), "{said}");
    // The administrator's changes stay, also when the package is installed again.
    fs::write(tree.join(CONFIGURATION), "[general]\nverbose=true\n")?;
    dpkg(tree, &["--install"], Some(&package()?))?;
    ensure!(fs::read_to_string(tree.join(CONFIGURATION))?.contains("verbose=true"));
    dpkg(tree, &["--remove", "nanoqga"], None)?;
    ensure!(!installed(PROGRAM) && installed(CONFIGURATION));
    dpkg(tree, &["--purge", "nanoqga"], None)?;
    ensure!(!installed(CONFIGURATION));
    let Err(_) = conflicting(tree) else { bail!("it was installed beside qemu-guest-agent") };
    Ok(())
}

/// Installs it where Debian's agent is.
fn conflicting(tree: &Path) -> Result<()> {
    let status = "Package: qemu-guest-agent\nStatus: install ok installed\nMaintainer: x <x@localhost>\nArchitecture: amd64\n\
                  Version: 1\nDescription: x\n";
    fs::write(tree.join("var/lib/dpkg/status"), status)?;
    dpkg(tree, &["--install"], Some(&package()?))
}
