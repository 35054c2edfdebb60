//! The programs of targets/proofs: built to see whether they link, and run to see what the engine takes.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::process::{finish, output};
use nanoqga_testkit::progress::step;

use crate::test::Report;
use crate::toolchain::Toolchain;
use crate::workspace::in_workspace;

const BUILD: Duration = Duration::from_secs(900);

/// A program that links only if no panic is reachable in it: its panic handler calls a function that exists nowhere.
#[derive(Debug)]
pub(crate) struct Proof {
    package: &'static str,
    program: &'static str,
    /// The Cargo profile that it is compiled with.
    profile: &'static str,
    /// The features that make it a proof.
    features: &'static str,
    /// The function that exists nowhere.
    missing: &'static str,
    /// What is proved to have no panic in it.
    what: &'static str,
    /// The Rust targets that it is linked for.
    pub targets: &'static [&'static str],
}

/// The feature that links a panic in.
const PANICKING: &str = "panicking";

const PACKAGE: &str = "proofs";

/// The engine, with every command, for targets that kernels of others have.
pub(crate) const ENGINE: Proof = Proof {
    package: PACKAGE,
    program: "no-panic",
    profile: "proof",
    features: "",
    missing: "a_panic_is_reachable_in_the_engine",
    what: "the engine",
    targets: &["x86_64-unknown-none", "aarch64-unknown-none-softfloat", "riscv64gc-unknown-none-elf"],
};

/// All of the image `nano`, as it is shipped.
const NANO: Proof = Proof {
    package: "appliance",
    program: "nano",
    profile: "image",
    features: "proof",
    missing: "a_panic_is_reachable_in_nano",
    what: "nano",
    targets: &["x86_64-unknown-none", "aarch64-unknown-none-softfloat", "riscv64imac-unknown-none-elf"],
};

/// The same as a domain of Xen.
const NANO_XEN: Proof =
    Proof { program: "nano-xen", features: "proof,xen", what: "nano-xen", targets: &["x86_64-unknown-none"], ..NANO };

/// Sees to it that no panic is reachable in the engine, nor in nano, on any target.
pub(crate) fn no_panics(report: &mut Report) -> Result<()> {
    let all = [&ENGINE, &NANO, &NANO_XEN]
        .into_iter()
        .flat_map(|proof| proof.targets.iter().map(move |target| (proof, *target)));
    all.into_iter().try_for_each(|(proof, target)| report.check(|| proof.holds(target)))
}

impl Proof {
    /// Sees to it that it holds on a target.
    ///
    /// # Errors
    /// When a panic is reachable, or when a program with a panic in it links all the same, so that the proof would prove nothing.
    fn holds(&self, target: &'static str) -> Result<()> {
        let Self { program, what, features, .. } = self;
        let toolchain = Toolchain::for_target(target)?;
        step(&format!("Linking {what} without a panic, with {toolchain}"), || {
            if !self.links(&toolchain, features)? {
                bail!(
                    "a panic is reachable in {what} on {target}: an index, a slice, a division, an unwrap, or a call of something \
                     that has one. This shows the way to it:\n  {}",
                    self.shown(target)
                );
            }
            if self.links(&toolchain, &format!("{PANICKING},{features}"))? {
                bail!("{program} links on {target} with a panic in it: it proves nothing");
            }
            Ok(())
        })
    }

    /// The lints, on each target.
    pub(crate) fn clippy(&self) -> Result<Vec<Command>> {
        let lint = |&target| {
            let mut clippy = Toolchain::for_target(target)?.cargo("clippy");
            clippy.args(["--package", self.package, "--bin", self.program, "--", "--deny", "warnings"]);
            Ok(clippy)
        };
        self.targets.iter().map(lint).collect()
    }

    /// Whether it links. That the panic handler is left in it is all that may keep it from that.
    fn links(&self, toolchain: &Toolchain, features: &str) -> Result<bool> {
        let Self { package, program, profile, missing, .. } = self;
        let mut cargo = toolchain.cargo_to_link("build")?;
        cargo.args(["--profile", profile, "--package", package, "--bin", program, "--features", features]);
        // The linker's messages come among cargo's. On the screen a failure that is wanted would look like one that is not.
        cargo.args(["--quiet", "--message-format", "json"]);
        let (status, messages) = finish(in_workspace(&mut cargo).stderr(Stdio::null()), BUILD)?;
        if !status.success() && !messages.contains(missing) {
            bail!("cargo could not build {program}. This shows why:\n  {}", self.shown(toolchain.target()));
        }
        Ok(status.success())
    }

    /// A command that shows why it does not link.
    fn shown(&self, target: &str) -> String {
        let Self { package, program, profile, features, .. } = self;
        format!(
            "cargo rustc --profile {profile} --package {package} --bin {program} --features '{features}' --target {target} -- \
             -C link-arg='--why-live=*rust_begin_unwind*'"
        )
    }
}

/// The most stack that the engine takes, in bytes.
///
/// # Errors
/// When the program that measures it does not build, or fails.
pub(crate) fn stack() -> Result<u64> {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--quiet", "--profile", "proof", "--package", PACKAGE, "--bin", "stack"]);
    let measured = step("Measuring the engine's stack", || output(in_workspace(&mut cargo), BUILD))?;
    measured.trim().parse().with_context(|| format!("the measure of the stack is no number: {measured}"))
}
