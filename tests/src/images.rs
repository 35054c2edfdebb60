//! What is tested: images, kernels and programs, built by `cargo xtask` or named by the environment.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nanoqga_testkit::cargo;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::process::output;
use nanoqga_testkit::qemu::{Config, Format};

const BUILD: Duration = Duration::from_secs(1800);

/// What an image has in it: a profile of `cargo xtask image`.
#[derive(Debug)]
pub struct Profile {
    /// Its name there.
    pub name: &'static str,
    /// Whether it has something to say of a network card.
    has_devices: bool,
}

/// The smallest image.
pub static NANO: Profile = Profile { name: "nano", has_devices: false };
/// The same as a domain of Xen.
pub static NANO_XEN: Profile = Profile { name: "nano-xen", has_devices: false };
/// The image with state behind its answers.
pub static APPLIANCE: Profile = Profile { name: "appliance", has_devices: true };
/// The same, which may be a domain of Xen.
pub static APPLIANCE_XEN: Profile = Profile { name: "appliance-xen", has_devices: true };
/// The guide's kernel with an agent in it.
pub static EXAMPLE: Profile = Profile { name: "example-kernel", has_devices: false };
/// The appliance with tests that its host can run.
pub static APPLIANCE_TESTS: Profile = Profile { name: "appliance-tests", has_devices: true };
/// A guest that dies in the way that its host name says.
pub static CRASH: Profile = Profile { name: "crash", has_devices: false };

impl Profile {
    /// Gives a guest the devices that an image of this profile has something to say of.
    pub fn equip(&self, config: &mut Config) {
        if self.has_devices {
            config.user_network();
        }
    }
}

/// The image of a profile for `machine`. `NANOQGA_IMAGE_nano_x86_64` and the like in the environment name one that is built.
///
/// # Errors
/// When it cannot be built.
pub fn image(machine: &Machine, profile: &Profile) -> Result<PathBuf> {
    let name = format!("NANOQGA_IMAGE_{}_{}", profile.name.replace('-', "_"), machine.architecture());
    once(&name, || xtask(&["image", "--machine", machine.name, "--profile", profile.name]))
}

/// The agent for Linux; `NANOQGA_IMAGE_linux_x86_64` names one that is built.
///
/// # Errors
/// When it cannot be built.
pub fn linux_agent() -> Result<PathBuf> {
    linux_agent_for("x86_64")
}

/// The same for another architecture.
///
/// # Errors
/// When it cannot be built.
pub fn linux_agent_for(architecture: &str) -> Result<PathBuf> {
    let name = format!("NANOQGA_IMAGE_linux_{architecture}");
    once(&name, || xtask(&["image", "--machine", "linux", "--arch", architecture]))
}

/// The folder with what `cargo xtask dist` makes for x86_64; `NANOQGA_DIST` names one that is made.
///
/// # Errors
/// When it cannot be made.
pub fn dist() -> Result<PathBuf> {
    once("NANOQGA_DIST", || {
        xtask(&["dist", "--arch", "x86_64", "--output", path(&workspace().join("target/dist-x86_64"))?])
    })
}

/// The first page of the book that `cargo xtask docs` makes; `NANOQGA_BOOK` names one that is made.
///
/// # Errors
/// When it cannot be made.
pub fn book() -> Result<PathBuf> {
    once("NANOQGA_BOOK", || xtask(&["docs"]))
}

/// What QEMU boots of a kernel of `targets/kernels`; `NANOQGA_KERNEL_cortex_m_polled` and the like name one that is built.
///
/// # Errors
/// When it cannot be built.
pub fn kernel(name: &str) -> Result<PathBuf> {
    once(&format!("NANOQGA_KERNEL_{}", name.replace('-', "_")), || xtask(&["kernels", "--build", name]))
}

/// The test kit's program; `NANOQGA_PROGRAM` names one that is built.
///
/// # Errors
/// When it cannot be built.
pub fn nanoqga() -> Result<PathBuf> {
    once("NANOQGA_PROGRAM", || {
        cargo::build(&workspace(), &["--quiet", "--package", "nanoqga-testkit", "--bin", "nanoqga"])
    })
}

/// Writes a disk to `disk` that boots `image` on a machine, with a kernel command line.
///
/// # Errors
/// When one of the tools fails.
pub fn boot_disk(machine: &Machine, image: &Path, append: &str, format: Format, disk: &Path) -> Result<()> {
    let (image, disk) = (path(image)?, path(disk)?);
    let words = ["image", "--machine", machine.name, "--elf", image, "--format", format.name(), "--output", disk];
    xtask(&[&words[..], &["--append", append]].concat()).map(drop)
}

/// Builds something with the library for C: what `cargo xtask capi` makes of `arguments`.
///
/// # Errors
/// When it cannot be built.
pub fn capi(arguments: &[&str]) -> Result<PathBuf> {
    once(&arguments.join(" "), || xtask(&[&["capi"], arguments].concat()))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The path that is the last line of what a subcommand prints.
fn xtask(arguments: &[&str]) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    // Tests run side by side, so none may redraw the terminal's last line.
    command.arg("xtask").args(arguments).current_dir(workspace()).env("TERM", "dumb");
    let said = output(&mut command, BUILD)?;
    let last = said.lines().last().with_context(|| format!("`cargo xtask {}` printed no path", arguments.join(" ")))?;
    Ok(last.into())
}

/// What the environment has under a name, or what is built under it, once per run.
fn once(name: &str, build: impl FnOnce() -> Result<PathBuf>) -> Result<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().map_err(|_| anyhow!("another test failed while it built something"))?;
    if let Some(path) = env::var_os(name).map(PathBuf::from).or_else(|| built.get(name).cloned()) {
        return Ok(path);
    }
    let path = build()?;
    built.insert(name.into(), path.clone());
    Ok(path)
}
