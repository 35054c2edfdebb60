//! `cargo xtask test`: all that says whether the project is in order.

use std::env;
use std::num::NonZero;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::attack;
use crate::bench;
use crate::fuzz;
use crate::image::{self, BARE, EXAMPLE_KERNEL, LOADER, PROFILES, in_workspace};
use crate::machine::{self, Machine};
use crate::options::{Argument, Options, Usage};
use crate::packages;
use crate::process::run;
use crate::progress::step;
use crate::proofs;
use crate::setup;
use crate::toolchain::Toolchain;

const LIMIT: Duration = Duration::from_secs(1800);

pub(crate) const HELP: &str = "\
cargo xtask test [lint] [panics] [host] [packages] [miri] [qemu] [linux] [differential] [hostile] [libvirt] [capi] [fuzz]
                 [bench]
cargo xtask test --machine MACHINE

Runs these parts, or all of them in this order when none is named:
  lint          rustfmt, clippy and rustdoc, every warning an error
  panics        the engine, linked with every command: no panic is reachable in it
  host          the crates' own tests
  packages      the crates that are to be published: packed, and each feature compiled by the oldest Rust that they name
  miri          the tests of the virtqueue and of the library for C under Miri; left out where there is no nightly toolchain
  qemu          the image under QEMU: every machine and channel
  linux         the agent for Linux beside qemu-ga, and as the first process of guests under QEMU
  differential  10,000 generated requests, right and wrong, to the agent for Linux and to qemu-ga; NANOQGA_SEED in the
                environment (a number) makes other ones, NANOQGA_REQUESTS says how many
  hostile       hosts that attack, over every kind of channel; `cargo xtask attack` is the long form
  libvirt       the image under a real libvirtd (as root)
  capi          the library for kernels written in C, in a kernel under QEMU and in programs under valgrind
  fuzz          the lints of the fuzz targets, and a minute of each
  bench         the ratios to qemu-ga against their budgets: `cargo xtask bench --quick --check`

  --machine MACHINE  only the rows of that machine in the table of the part qemu; for linux, the part of that name
";

struct Part {
    name: &'static str,
    run: fn() -> Result<()>,
}

const PARTS: [Part; 13] = [
    Part { name: "lint", run: lint },
    Part { name: "panics", run: proofs::no_panic },
    Part { name: "host", run: host },
    Part { name: "packages", run: packages::test },
    Part { name: "miri", run: miri },
    Part { name: "qemu", run: qemu },
    Part { name: "linux", run: linux },
    Part { name: "differential", run: differential },
    Part { name: "hostile", run: hostile },
    Part { name: "libvirt", run: libvirt },
    Part { name: "capi", run: capi },
    Part { name: "fuzz", run: fuzz::test },
    Part { name: "bench", run: bench::quick_check },
];

pub(crate) fn main(mut options: Options) -> Result<()> {
    let mut chosen = Vec::new();
    while let Some(argument) = options.argument()? {
        match argument {
            Argument::Option(name) if name == "machine" && chosen.is_empty() => {
                return rows_of(options.value(Machine::named)?);
            }
            Argument::Word(word) if PARTS.iter().any(|part| part.name == word) => chosen.push(word),
            Argument::Word(word) => return Err(Usage::new(format!("there is no part '{word}'\n\n{HELP}")).into()),
            other => return Err(other.unexpected()),
        }
    }
    let mut failed = Vec::new();
    for part in PARTS.iter().filter(|part| chosen.is_empty() || chosen.iter().any(|name| name == part.name)) {
        // The other parts still say what they have to say.
        if let Err(error) = step(&format!("Testing: {}", part.name), part.run) {
            eprintln!("error: {error:#}");
            failed.push(part.name);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// The rows are named for their machines.
fn rows_of(machine: &Machine) -> Result<()> {
    if machine == &machine::LINUX {
        return linux();
    }
    setup::qemu_for(machine)?;
    if machine.boots_disks() {
        setup::disks()?;
    }
    let row = format!("::{}_", machine.name.replace('-', "_"));
    run(cargo("test").args(["--package", "tests", "--test", "qemu", "--", &row]), LIMIT)
}

fn lint() -> Result<()> {
    setup::lints()?;
    run(cargo("fmt").args(["--all", "--check"]), LIMIT)?;
    run(cargo("clippy").args(["--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"]), LIMIT)?;
    run(
        cargo("doc").args(["--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "--deny warnings"),
        LIMIT,
    )?;
    for target in machine::targets() {
        let toolchain = Toolchain::for_target(target)?;
        // On the host only those of their parts exist that need no machine.
        let bare = |subcommand| {
            let mut command = toolchain.cargo(subcommand);
            in_workspace(&mut command);
            for package in [BARE, EXAMPLE_KERNEL, LOADER] {
                command.args(["--package", package]);
            }
            command
        };
        // Also without features: what only one of them uses may not be there for the others.
        run(bare("clippy").args(["--", "--deny", "warnings"]), LIMIT)?;
        run(bare("clippy").args(["--all-features", "--", "--deny", "warnings"]), LIMIT)?;
        run(bare("doc").args(["--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "--deny warnings"), LIMIT)?;
    }
    // The agent for Linux has its program on one target only, and there it cannot unwind.
    let mut clippy = Toolchain::for_target(machine::LINUX.target)?.cargo("clippy");
    clippy.args(["--package", "linux-agent", "--profile", "agent", "--", "--deny", "warnings"]);
    run(in_workspace(&mut clippy), LIMIT)?;
    // The library for C has its panic handler only where nothing unwinds.
    let mut clippy = Toolchain::for_target("x86_64-unknown-none")?.cargo("clippy");
    run(in_workspace(&mut clippy).args(["--package", "capi", "--", "--deny", "warnings"]), LIMIT)?;
    for target in proofs::TARGETS {
        let mut clippy = Toolchain::for_target(target)?.cargo("clippy");
        clippy.args(["--package", proofs::PACKAGE, "--bin", proofs::NO_PANIC, "--", "--deny", "warnings"]);
        run(in_workspace(&mut clippy), LIMIT)?;
    }
    Ok(())
}

fn host() -> Result<()> {
    // The lib of the whole-system tests is a host crate; its tests are parts of their own.
    run(cargo("test").args(["--workspace", "--all-features", "--no-fail-fast", "--exclude", "tests"]), LIMIT)?;
    run(cargo("test").args(["--package", "tests", "--lib"]), LIMIT)
}

/// The library for C, called as C does. All unsafe code of the virtio-serial driver is in its virtqueue, which these tests drive
/// from end to end, and with devices that lie by chance; the others would take several minutes more.
fn miri() -> Result<()> {
    if !setup::miri()? {
        eprintln!("There is no nightly toolchain for Miri: left out. `rustup toolchain install nightly` helps.");
        return Ok(());
    }
    let miri = |package, test| {
        let mut command = Command::new("rustup");
        let words = ["run", "nightly", "cargo", "miri", "test", "--package", package, "--test", test];
        in_workspace(&mut command).args(words);
        command
    };
    run(&mut miri("capi", "calls"), LIMIT)?;
    // The driver gets addresses from a HAL as numbers, as from any device.
    let mut serial = miri("virtio-serial", "serial");
    serial.args(["--", "lifetime", "talking", "no_lies_do_harm"]);
    run(serial.env("MIRIFLAGS", "-Zmiri-permissive-provenance"), LIMIT)
}

fn qemu() -> Result<()> {
    setup::qemu()?;
    setup::disks()?;
    setup::guide()?;
    images()?;
    let mut tests = cargo_test("qemu");
    // They wait for guests at times: one more than there are processors keeps all of those busy.
    let threads = thread::available_parallelism().map_or(1, NonZero::get) + 1;
    if env::var_os("RUST_TEST_THREADS").is_none() {
        tests.env("RUST_TEST_THREADS", threads.to_string());
    }
    run(&mut tests, LIMIT)
}

fn linux() -> Result<()> {
    setup::qemu()?;
    setup::linux()?;
    image::build(machine::LINUX.target, &image::LINUX)?;
    whole_system("linux")
}

fn differential() -> Result<()> {
    setup::linux()?;
    image::build(machine::LINUX.target, &image::LINUX)?;
    whole_system("differential")
}

fn hostile() -> Result<()> {
    attack::prepare()?;
    whole_system("hostile")
}

fn libvirt() -> Result<()> {
    setup::qemu()?;
    setup::disks()?;
    setup::libvirt()?;
    images()?;
    whole_system("libvirt")
}

fn capi() -> Result<()> {
    setup::qemu()?;
    setup::c_tests()?;
    whole_system("capi")
}

/// Builds all images here, where that shows, and not within the first test.
pub(crate) fn images() -> Result<()> {
    for target in machine::targets() {
        for profile in PROFILES.into_iter().chain([&image::EXAMPLE]) {
            image::build(target, profile)?;
        }
        if !target.starts_with("x86_64") {
            image::build_efi_loader(target)?;
        }
    }
    Ok(())
}

fn whole_system(test: &str) -> Result<()> {
    run(&mut cargo_test(test), LIMIT)
}

fn cargo_test(test: &str) -> Command {
    let mut command = cargo("test");
    command.args(["--package", "tests", "--test", test]);
    command
}

fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new("cargo");
    in_workspace(&mut command).arg(subcommand);
    command
}
