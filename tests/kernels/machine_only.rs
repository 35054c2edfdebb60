//! Kernels of `targets/kernels`, as strangers have them: in a folder outside of this workspace, built by cargo alone, with
//! `machine` as a dependency by its path.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::process::{on_its_own, run};
use nanoqga_testkit::qemu::Config;
use tests::soon;

const BUILD: Duration = Duration::from_secs(900);

/// A kernel in a folder of its own.
struct Kernel {
    name: &'static str,
    folder: PrivateFolder,
}

impl Kernel {
    /// Copies a kernel out of the workspace, with the toolchain that this one is tested by.
    fn copied(name: &'static str) -> Result<Self> {
        let folder = PrivateFolder::new()?;
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        copy(&workspace.join("targets/kernels").join(name), folder.path())?;
        fs::copy(workspace.join("rust-toolchain.toml"), folder.path().join("rust-toolchain.toml"))?;
        let manifest = folder.path().join("Cargo.toml");
        let text = fs::read_to_string(&manifest)?;
        ensure!(text.contains("path = \"../../machine\""), "{name} does not depend on machine by its path");
        fs::write(manifest, text.replace("path = \"../..", &format!("path = \"{}/targets", workspace.display())))?;
        Ok(Self { name, folder })
    }

    /// Builds it for a machine; returns its image.
    fn build(&self, machine: &Machine) -> Result<PathBuf> {
        let target = match machine.architecture() {
            "aarch64" => "aarch64-unknown-none-softfloat",
            "riscv64" => "riscv64imac-unknown-none-elf",
            _ => "x86_64-unknown-none",
        };
        // Kept, so that the dependencies are built once.
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--locked", "--release", "--target", target, "--target-dir"]).arg(&built);
        run(on_its_own(&mut cargo).current_dir(self.folder.path()), BUILD)?;
        // The next build, perhaps of another test, takes its place.
        let image = self.folder.path().join(target);
        fs::copy(built.join(target).join("release").join(self.name), &image)?;
        Ok(image)
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in from.read_dir().with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true if entry.file_name() == "target" => {}
            true => copy(&entry.path(), &to)?,
            false => _ = fs::copy(entry.path(), to)?,
        }
    }
    Ok(())
}

/// A kernel on `machine` alone prints the memory map, ticks three times, and switches the machine off.
fn machine_only(name: &str) -> Result<()> {
    let machine = Machine::named(name)?;
    let kernel = Kernel::copied("machine-only")?;
    let mut config = Config::new(machine, Channel::Virtio, &kernel.build(machine)?);
    config.channels.clear();
    let mut guest = Guest::start(&config)?;
    let status = guest.wait(soon())?;
    ensure!(status.success(), "QEMU ended with {status}{}", guest.tails());
    let console = guest.console();
    let begin = format!("{}, 1 processor(s)\r\n", machine.architecture());
    let lines = console.split_once(&begin).and_then(|(_, rest)| rest.strip_suffix("\r\npowering off\r\n"));
    let lines: Vec<_> = lines.with_context(|| format!("the console shows {console}"))?.split("\r\n").collect();
    let (map, ticks) = lines.split_at(lines.len().saturating_sub(3));

    let size = |line: &&str| line.strip_prefix("RAM from 0x")?.rsplit_once(": ")?.1.strip_suffix(" KiB")?.parse().ok();
    let sizes: Option<Vec<u32>> = map.iter().map(size).collect();
    let size: u32 = sizes.with_context(|| format!("the memory map is {map:?}"))?.iter().sum();
    // A PC's firmware keeps some of it.
    ensure!((15 << 10..=config.memory_kib).contains(&size), "of {} KiB, the memory map has {map:?}", config.memory_kib);

    let time = |(tick, line): (u64, &&str)| {
        let time = line.strip_prefix(&format!("tick {tick} at "))?.strip_suffix(" ms")?.parse::<u64>();
        time.ok()
    };
    let times: Option<Vec<u64>> = (1..).zip(ticks).map(time).collect();
    let times = times.with_context(|| format!("the ticks are {ticks:?}"))?;
    // Each is rounded down.
    ensure!(times.is_sorted_by(|tick, next| tick + 99 <= *next), "ticks 100 ms apart are at {times:?}");
    Ok(())
}

#[test]
fn on_q35() -> Result<()> {
    machine_only("q35")
}

#[test]
fn on_pc() -> Result<()> {
    machine_only("pc")
}

#[test]
fn on_microvm() -> Result<()> {
    machine_only("microvm")
}

#[test]
fn on_aarch64() -> Result<()> {
    machine_only("aarch64-virt")
}

#[test]
fn on_riscv64() -> Result<()> {
    machine_only("riscv64-virt")
}

#[test]
fn the_readme_of_machine_shows_this_kernel() -> Result<()> {
    let readme = include_str!("../../targets/machine/README.md");
    for file in [
        include_str!("../../targets/kernels/machine-only/src/main.rs"),
        include_str!("../../targets/kernels/machine-only/build.rs"),
        include_str!("../../targets/kernels/machine-only/.cargo/config.toml"),
    ] {
        ensure!(readme.contains(&format!("\n{file}```\n")), "the README of machine does not show\n{file}");
    }
    Ok(())
}
