//! The parts of the test: what each runs, and what it needs before.

use std::process::Command;

use anyhow::Result;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::process::{is_root, output};
use nanoqga_testkit::progress::step;

use super::commands::{LIMIT, cargo, may_mount, qemu_tests, whole_system};
use super::newest;
use super::report::Report;
use crate::attack;
use crate::bench;
use crate::capi;
use crate::docs;
use crate::fuzz;
use crate::image::{self, BARE};
use crate::kernels;
use crate::mutants;
use crate::nightly;
use crate::packages;
use crate::panics;
use crate::proofs;
use crate::setup;
use crate::soak;
use crate::structure;
use crate::supply;
use crate::targets;
use crate::toolchain::Toolchain;
use crate::workspace::{self, in_workspace};

/// A part of the test.
pub(super) struct Part {
    pub name: &'static str,
    /// What it tests, for `--help` and for whoever watches the run.
    pub about: &'static str,
    /// Whether only `all` has it.
    pub long: bool,
    pub run: fn(&mut Report) -> Result<()>,
}

#[rustfmt::skip]
pub(super) static PARTS: [Part; 27] = [
    Part { name: "lint", long: false, run: lint, about: "rustfmt, clippy and rustdoc, every warning an error; licences and versions of crates, where cargo-deny is" },
    Part { name: "panics", long: false, run: panics, about: "no panic is reachable in the engine and in nano, and none in the appliance that was not before" },
    Part { name: "cost", long: false, run: cost, about: "instructions that a byte of a request costs the engine, in 200 shapes of requests" },
    Part { name: "host", long: false, run: host, about: "the crates' own tests" },
    Part { name: "mutants", long: false, run: mutants::test, about: "that a test notices each small change in the code that was changed last: up to 3 minutes" },
    Part { name: "packages", long: false, run: packages::test, about: "the published crates: packed, and each feature compiled by the oldest Rust they name" },
    Part { name: "miri", long: false, run: miri, about: "the drivers of virtio-serial and vsock, and the library for C, under Miri" },
    Part { name: "qemu", long: false, run: qemu, about: "the images under QEMU, on every machine and channel" },
    Part { name: "faults", long: false, run: faults, about: "volumes whose disk lost power after any of its writes, or failed any request: repaired, with all that was acknowledged" },
    Part { name: "channels", long: false, run: channels, about: "the appliance and the agent for Linux on vsock, with vhost-device-vsock, and several channels at once" },
    Part { name: "linux", long: false, run: linux, about: "the agent for Linux beside qemu-ga, and as the first process of guests" },
    Part { name: "kit", long: false, run: kit, about: "the test kit: its program with each agent, guests that lie, and a new kernel's tests" },
    Part { name: "differential", long: false, run: differential, about: "10,000 generated requests to the agent for Linux and to qemu-ga" },
    Part { name: "hostile", long: false, run: hostile, about: "hosts that attack, over every kind of channel; `cargo xtask attack` is the long form" },
    Part { name: "libvirt", long: false, run: libvirt, about: "the images under a real libvirtd (as root)" },
    Part { name: "capi", long: false, run: c_library, about: "the library for kernels in C, in a kernel under QEMU and in programs under valgrind" },
    Part { name: "kernels", long: false, run: kernels, about: "the engine in kernels of others, and a kernel on machine alone" },
    Part { name: "fuzz", long: false, run: fuzz::test, about: "the lints of the fuzz targets, and a quarter of a minute to a minute of each" },
    Part { name: "bench", long: false, run: quick_bench, about: "what the agents cost beside qemu-ga, against the budgets" },
    Part { name: "more-kernels", long: true, run: more_kernels, about: "the engine in kernels of others that take long to build or to boot" },
    Part { name: "plugs", long: true, run: plugs, about: "1,000 rounds of devices that come and leave, on q35 and aarch64" },
    Part { name: "soak", long: true, run: soak::test, about: "an hour of everything that hosts do, at random, beside a model: q35, aarch64 and the agent for Linux" },
    Part { name: "more-linux", long: true, run: more_linux, about: "the agent for Linux on other architectures, and from its packages under the inits of distributions (as root)" },
    Part { name: "dist", long: true, run: dist, about: "a release, built in two folders: the same bytes, and a bill of materials of each program" },
    Part { name: "book", long: true, run: book, about: "the book's pages in a browser, chromium: no error, and each has its heading and fits into its window" },
    Part { name: "xen", long: true, run: xen, about: "the agent for Linux and the images in domains of Xen, which is downloaded into target/" },
    Part { name: "newest", long: true, run: newest::test, about: "the images on the newest QEMU and libvirt that Debian has, downloaded into target/" },
];

/// Targets of other people's kernels: small ones, and ones of 32 bits. The first has no compare-and-swap.
const FOREIGN: [&str; 5] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "armv7a-none-eabi",
    "riscv32imc-unknown-none-elf",
    "i686-unknown-linux-gnu",
];

/// Where authors of kernels work beside Linux.
const MACOS: &str = "aarch64-apple-darwin";

/// Workspaces of their own that are no kernels of others: their folders, and their targets where these are not the host's.
const OWN_WORKSPACES: [(&str, Option<&str>); 3] = [
    ("targets/kernels/machine-only", Some("x86_64-unknown-none")),
    ("tests/kit/examples/new-kernel/kernel", Some("x86_64-unknown-none")),
    ("tests/kit/examples/new-kernel/ktest", None),
];

fn lint(report: &mut Report) -> Result<()> {
    setup::lints()?;
    report.check(|| step("Looking for packages that know too much", structure::arrows))?;
    report.check(|| step("Looking for files that import each other", structure::no_circles))?;
    supply::lint(report)?;
    report.run(cargo("fmt").args(["--all", "--check"]), LIMIT)?;
    report.run(
        cargo("clippy").args(["--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"]),
        LIMIT,
    )?;
    report.run(
        cargo("doc").args(["--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "--deny warnings"),
        LIMIT,
    )?;
    for target in targets::targets() {
        let toolchain = Toolchain::for_target(target)?;
        // On the host only those of their parts exist that need no machine.
        let bare = |subcommand| {
            let mut command = toolchain.cargo(subcommand);
            in_workspace(&mut command);
            for package in BARE {
                command.args(["--package", package]);
            }
            command
        };
        // Also without features: what only one of them uses may not be there for the others.
        report.run(bare("clippy").args(["--", "--deny", "warnings"]), LIMIT)?;
        report.run(bare("clippy").args(["--all-features", "--", "--deny", "warnings"]), LIMIT)?;
        report.run(bare("doc").args(["--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "--deny warnings"), LIMIT)?;
    }
    for (folder, target) in OWN_WORKSPACES {
        let manifest = workspace::path(folder).join("Cargo.toml");
        report.run(cargo("fmt").arg("--check").arg("--manifest-path").arg(&manifest), LIMIT)?;
        let (mut clippy, built) = match target {
            Some(target) => (Toolchain::for_target(target)?.cargo("clippy"), "target/kernels/own"),
            None => (cargo("clippy"), "target"),
        };
        in_workspace(&mut clippy).args(["--locked", "--target-dir", built, "--manifest-path"]).arg(&manifest);
        report.run(clippy.args(["--bins", "--tests", "--", "--deny", "warnings"]), LIMIT)?;
    }
    kernels::lint(report)?;
    for target in FOREIGN {
        let mut check = Toolchain::for_target(target)?.cargo("check");
        check.args(["--package", "nanoqga", "--package", "virtio-serial", "--package", "capi"]);
        report.run(in_workspace(&mut check), LIMIT)?;
    }
    match Toolchain::prebuilt(MACOS) {
        Ok(toolchain) => {
            let mut check = toolchain.cargo("check");
            check.args(["--package", "nanoqga-testkit", "--all-targets"]);
            report.run(in_workspace(&mut check), LIMIT)?;
        }
        Err(reason) => report.skip(format!("the test kit for {MACOS}: {reason:#}")),
    }
    // The agent for Linux has its program on one target only, and there it cannot unwind.
    let mut clippy = Toolchain::for_target(targets::LINUX_TARGET)?.cargo("clippy");
    clippy.args(["--package", "nanoqga-linux", "--profile", "agent", "--", "--deny", "warnings"]);
    report.run(in_workspace(&mut clippy), LIMIT)?;
    // The library for C has its panic handler only where nothing unwinds.
    let mut clippy = Toolchain::for_target("x86_64-unknown-none")?.cargo("clippy");
    report.run(in_workspace(&mut clippy).args(["--package", "capi", "--", "--deny", "warnings"]), LIMIT)?;
    for mut clippy in proofs::ENGINE.clippy()? {
        report.run(in_workspace(&mut clippy), LIMIT)?;
    }
    Ok(())
}

fn panics(report: &mut Report) -> Result<()> {
    proofs::no_panics(report)?;
    panics::test(report)
}

/// The engine is optimised, or valgrind would take minutes.
fn cost(report: &mut Report) -> Result<()> {
    setup::valgrind()?;
    let mut tests = whole_system("cost");
    for package in ["nanoqga", "tests"] {
        tests.args(["--config", &format!("profile.dev.package.{package}.opt-level=2")]);
    }
    report.tests(&mut tests, LIMIT)
}

fn host(report: &mut Report) -> Result<()> {
    // The lib of the whole-system tests is a host crate; its tests are parts of their own.
    report
        .tests(cargo("test").args(["--workspace", "--all-features", "--no-fail-fast", "--exclude", "tests"]), LIMIT)?;
    report.tests(cargo("test").args(["--package", "tests", "--lib"]), LIMIT)
}

/// The library for C, called as C does. The unsafe code of virtio-serial is in its virtqueue, its mapped registers and its HAL.
/// These tests drive both from end to end, also with devices that lie by chance; the others would take several minutes more.
fn miri(report: &mut Report) -> Result<()> {
    if let Err(reason) = nightly::install() {
        report.skip(format!("all: {reason:#}"));
        return Ok(());
    }
    let miri = |package, test| {
        let mut command = nightly::cargo();
        in_workspace(&mut command).args(["miri", "test", "--package", package, "--test", test]);
        command
    };
    let driver = |test| {
        let mut command = miri("virtio-serial", test);
        command.args(["--features", "single-port,vsock"]);
        command
    };
    for mut build in [miri("capi", "calls"), driver("serial"), driver("vsock")] {
        report.run(build.arg("--no-run"), LIMIT)?;
    }
    let tests_of = |test, tests: &[&str]| {
        let mut command = driver(test);
        // The driver gets addresses from a HAL as numbers, as from any device.
        command.arg("--").args(tests).env("MIRIFLAGS", "-Zmiri-permissive-provenance");
        command
    };
    // These tests leak the memory that they lend the driver, and count its pages themselves.
    let mut vsock = tests_of("vsock", &[]);
    vsock.env("MIRIFLAGS", "-Zmiri-permissive-provenance -Zmiri-ignore-leaks");
    // Miri interprets on one processor. Each takes as long.
    let thirds = [
        tests_of("serial", &["lifetime", "no_lies_do_harm", "offset_hal", "transports"]),
        tests_of("serial", &["kept", "single", "talking"]),
        vsock,
    ];
    report.tests(&mut miri("capi", "calls"), LIMIT)?;
    report.tests_at_once(thirds, LIMIT)
}

fn qemu(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    setup::disks()?;
    setup::guide()?;
    setup::network()?;
    report.tests(&mut qemu_tests()?, LIMIT)
}

fn faults(report: &mut Report) -> Result<()> {
    setup::disks()?;
    report.tests(&mut whole_system("faults"), LIMIT)
}

fn channels(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    setup::disks()?;
    setup::linux()?;
    setup::guide()?;
    setup::vsock()?;
    report.tests(whole_system("channels").envs(image::for_tests()?), LIMIT)
}

fn kernels(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    kernels::test(false, report)
}

/// Each round takes some tenths of a second.
fn plugs(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    let mut tests = whole_system("qemu");
    tests.env("NANOQGA_PLUGS", "1000").args(["--", "plug::q35", "plug::aarch64"]);
    report.tests(&mut tests, 2 * LIMIT)
}

fn more_kernels(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    kernels::test(true, report)
}

/// The rows of the part qemu that are named for `machine`.
pub(super) fn rows_of(machine: &Machine, report: &mut Report) -> Result<()> {
    setup::qemu_for(machine)?;
    if machine.boots_disks() {
        setup::disks()?;
    }
    let rows = format!("::{}_", machine.name.replace('-', "_"));
    report.tests(whole_system("qemu").args(["--", &rows]), LIMIT)
}

pub(super) fn linux(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    setup::linux()?;
    image::build(targets::LINUX_TARGET, &image::LINUX)?;
    report.tests(&mut whole_system("linux"), LIMIT)
}

fn more_linux(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    setup::linux()?;
    for linux in &targets::LINUX_TARGETS {
        image::build(linux.target, &image::LINUX)?;
    }
    let mut tests = whole_system("everywhere");
    if !is_root() {
        report.skip("packages, distributions and containers: only root can install them below a folder");
        tests.args(["--", "architectures::"]);
    } else if !may_mount() {
        report.skip("containers: no program may have mounts of its own here");
        tests.args(["--", "--skip", "lxc::"]);
    } else {
        setup::libvirt()?;
    }
    report.tests(&mut tests, LIMIT)
}

fn dist(report: &mut Report) -> Result<()> {
    setup::cargo_deny()?;
    supply::lint(report)?;
    setup::boot_disks()?;
    report.tests(&mut whole_system("dist"), 4 * LIMIT)
}

fn book(report: &mut Report) -> Result<()> {
    if let Err(reason) = setup::browser() {
        report.skip(format!("all: {reason:#}"));
        return Ok(());
    }
    let first = report.check(docs::book::build)?;
    report.tests(whole_system("book").env("NANOQGA_BOOK", first), LIMIT)
}

fn xen(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    setup::disks()?;
    if let Err(reason) = debian::xen::Xen::find() {
        report.skip(format!("all: {reason:#}"));
        return Ok(());
    }
    image::build(targets::LINUX_TARGET, &image::LINUX)?;
    // Three tests for each of the two machines: while one computes, others wait.
    report.tests(whole_system("xen").env("RUST_TEST_THREADS", "6"), LIMIT)
}

fn kit(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    setup::disks()?;
    setup::linux()?;
    let built = image::for_tests()?;
    report.tests(whole_system("program").args(["--test", "testkit"]).envs(built), LIMIT)
}

fn differential(report: &mut Report) -> Result<()> {
    setup::linux()?;
    image::build(targets::LINUX_TARGET, &image::LINUX)?;
    report.tests(&mut whole_system("differential"), LIMIT)
}

fn hostile(report: &mut Report) -> Result<()> {
    report.tests(whole_system("hostile").envs(attack::prepare()?), LIMIT)
}

fn libvirt(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    setup::disks()?;
    let answers = || output(Command::new("virsh").args(["--connect", "qemu:///system", "version"]), LIMIT).is_ok();
    if !is_root() && !answers() {
        report.skip("all: no libvirtd answers, and only root may start one");
        return Ok(());
    }
    // libvirt gives each domain a /dev of its own.
    if !answers() && !may_mount() {
        report.skip("all: no program may have mounts of its own here, as in a chroot whose root is no mount point");
        return Ok(());
    }
    setup::libvirt()?;
    report.tests(whole_system("libvirt").envs(image::for_tests()?), LIMIT)
}

fn c_library(report: &mut Report) -> Result<()> {
    setup::qemu()?;
    setup::c_tests()?;
    capi::test(report)?;
    report.tests(&mut whole_system("capi"), LIMIT)
}

fn quick_bench(report: &mut Report) -> Result<()> {
    report.check(bench::quick_check)
}
