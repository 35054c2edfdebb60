//! How to build for a target that is not the machine we are on.
//!
//! A toolchain that rustup manages fetches the target's precompiled `core`. Elsewhere `core` is built from rust-src,
//! with the switch that lets a stable compiler do so.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::process::{find, is_root, output, run};
use nanoqga_testkit::progress::step_with_output;

use crate::apt::install;
use crate::nightly;
use crate::targets;

const QUESTION: Duration = Duration::from_secs(60);
const DOWNLOAD: Duration = Duration::from_secs(600);

/// Debian's newest Rust, kept for its web browsers; the plain packages are older than our edition needs.
const DEBIAN_RUST: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

/// A cargo and a rustc, and how they build for one bare target.
#[derive(Debug)]
pub(crate) struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    target: &'static str,
    core: Core,
}

/// Where `core` comes from.
#[derive(Debug, PartialEq, Eq)]
enum Core {
    Prebuilt,
    /// Built from rust-src, beside a C library in a folder.
    WithMusl {
        library: PathBuf,
    },
    /// Built from rust-src. The linker is named when the toolchain has not the one the target asks for.
    FromSource {
        linker: Option<PathBuf>,
    },
}

impl Toolchain {
    /// A way to build for `target`, after fetching what is missing.
    ///
    /// # Errors
    /// When there is none; the message says what would help.
    pub(crate) fn for_target(target: &'static str) -> Result<Self> {
        let error = match Self::prebuilt(target) {
            Ok(toolchain) => return Ok(toolchain),
            Err(error) => error,
        };
        eprintln!("{error:#}; building core from source instead");
        if target.contains("-linux-") {
            return Self::with_musl(target)
                .with_context(|| format!("no toolchain here has the target {target}, nor can it be built"));
        }
        let (cargo, rustc) = ours();
        Self::from_source(cargo, rustc, target)
    }

    /// The same with what the target has precompiled, which for systems is also `std`.
    ///
    /// # Errors
    /// When the toolchain has nothing for the target, and rustup does not add it.
    pub(crate) fn prebuilt(target: &'static str) -> Result<Self> {
        let (cargo, rustc) = ours();
        if !has_target(&rustc, target)? {
            let rustup = find("rustup")
                .with_context(|| format!("{} has no target {target}, and there is no rustup", rustc.display()))?;
            step_with_output(&format!("Adding the Rust target {target}"), || {
                run(Command::new(rustup).args(["target", "add", target]), DOWNLOAD)
            })?;
            if !has_target(&rustc, target)? {
                bail!("rustup added the target {target} to another toolchain than {}", rustc.display());
            }
        }
        Ok(Self { cargo, rustc, target, core: Core::Prebuilt })
    }

    /// The same for a Linux whose libraries are not to be had from rustup: `core` from the pinned nightly's source, and Debian's
    /// musl.
    fn with_musl(target: &'static str) -> Result<Self> {
        nightly::install()?;
        let core = Core::WithMusl { library: musl(target)? };
        Ok(Self { cargo: nightly::program("cargo")?, rustc: nightly::program("rustc")?, target, core })
    }

    /// `cargo` with `subcommand` for the target, with the flags and variables this way of building needs.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.arg(subcommand).args(["--target", self.target]).env("RUSTC", &self.rustc);
        match &self.core {
            Core::Prebuilt => {}
            Core::WithMusl { .. } => {
                command.arg("-Zbuild-std=core,alloc");
            }
            Core::FromSource { linker } => {
                command.args(["-Zbuild-std=core,alloc", "-Zbuild-std-features=compiler-builtins-mem"]);
                command.env("RUSTC_BOOTSTRAP", "1");
                if let Some(linker) = linker {
                    command.env(linker_variable(self.target), linker);
                }
            }
        }
        command
    }

    /// The target it builds for.
    pub(crate) const fn target(&self) -> &'static str {
        self.target
    }

    /// As [`cargo`](Self::cargo), for a `subcommand` that links, with all flags for rustc, which are the caller's, those for the
    /// linker, and those that keep this machine's paths out of the program: the files that a panic names begin with their crate
    /// then.
    ///
    /// # Errors
    /// When its rustc does not work.
    pub(crate) fn cargo_to_link(&self, subcommand: &str) -> Result<Command> {
        let mut command = self.cargo(subcommand);
        let given = env::var("RUSTFLAGS").unwrap_or_default();
        let mut flags: Vec<_> = given.split_whitespace().map(String::from).collect();
        if self.target.ends_with("-musl") || self.target.contains("-musleabi") {
            // No compiler of C is needed to link for another machine.
            command.env(linker_variable(self.target), self.linker()?);
            flags.push("-Clinker-flavor=ld.lld".into());
        }
        if let Core::WithMusl { library } = &self.core {
            let library = library.display();
            let own = ["-Clink-self-contained=no", "-Ctarget-feature=+crt-static", "-Crelocation-model=static"];
            flags.extend(own.map(String::from));
            flags.push(format!("-Lnative={library}"));
            flags.extend(["crt1.o", "crti.o", "crtn.o"].map(|object| format!("-Clink-arg={library}/{object}")));
        }
        if targets::has_two_times(self.target) {
            flags.push("--cfg=libc_unstable_musl_v1_2".into());
        }
        let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let cargo_home = cargo_home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
        // A folder for each registry; there is none before the first download, whose paths then stay.
        let registries = cargo_home.and_then(|home| home.join("registry/src").read_dir().ok());
        let registries = registries.into_iter().flatten().flatten().map(|registry| registry.path());
        for folder in registries.chain([self.library()?]) {
            flags.push(format!("--remap-path-prefix={}/=", folder.display()));
        }
        // By this variable the name of a folder may have spaces.
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        Ok(command)
    }

    /// Where this toolchain says that the sources of `core` are.
    fn library(&self) -> Result<PathBuf> {
        Ok(sysroot(&self.rustc)?.join("lib/rustlib/src/rust/library"))
    }

    /// The version of its compiler, and so of the `core` that programs are linked with.
    ///
    /// # Errors
    /// When its rustc does not work.
    pub(crate) fn version(&self) -> Result<String> {
        let said = output(Command::new(&self.rustc).arg("--version"), QUESTION)?;
        said.split(' ').nth(1).map(String::from).with_context(|| format!("rustc says of its version only: {said}"))
    }

    /// The linker for bare targets.
    ///
    /// # Errors
    /// When its rustc does not work.
    pub(crate) fn linker(&self) -> Result<PathBuf> {
        match &self.core {
            Core::FromSource { linker: Some(linker) } => Ok(linker.clone()),
            _ => rust_lld(&self.rustc),
        }
    }

    fn from_source(cargo: PathBuf, rustc: PathBuf, target: &'static str) -> Result<Self> {
        let debian = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
        for (cargo, rustc) in [(cargo, rustc), debian.clone()] {
            if has_source(&rustc) {
                return Ok(Self { core: Core::FromSource { linker: linker(&rustc)? }, cargo, rustc, target });
            }
        }
        if !is_root() || find("apt-get").is_none() {
            bail!(
                "no toolchain here has the target {target} or rust-src to build it from. Either of these helps:\n  \
                 rustup target add {target}\n  apt-get install {}",
                DEBIAN_RUST.join(" ")
            );
        }
        install(&DEBIAN_RUST)?;
        let (cargo, rustc) = debian;
        Ok(Self { core: Core::FromSource { linker: linker(&rustc)? }, cargo, rustc, target })
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.core {
            Core::Prebuilt => write!(f, "the toolchain's {}", self.target),
            Core::WithMusl { .. } => write!(f, "core built by {} and Debian's musl", self.rustc.display()),
            Core::FromSource { .. } => write!(f, "core built from rust-src by {}", self.rustc.display()),
        }
    }
}

/// The folder with musl for a target.
fn musl(target: &str) -> Result<PathBuf> {
    let linux = targets::LINUX_TARGETS.iter().find(|linux| linux.target == target);
    let targets::LinuxTarget { debian, musl, .. } = linux.with_context(|| format!("no musl is known for {target}"))?;
    debian::foreign::musl(debian, musl)
}

/// The cargo that runs us and the rustc beside it in PATH.
fn ours() -> (PathBuf, PathBuf) {
    let program = |variable, name: &str| env::var_os(variable).unwrap_or_else(|| OsString::from(name)).into();
    (program("CARGO", "cargo"), program("RUSTC", "rustc"))
}

fn has_target(rustc: &Path, target: &str) -> Result<bool> {
    let asked = output(Command::new(rustc).args(["--print", "target-libdir", "--target", target]), QUESTION)
        .with_context(|| format!("does {} work?", rustc.display()))?;
    let Ok(mut files) = Path::new(asked.trim()).read_dir() else {
        return Ok(false);
    };
    Ok(files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcore-"))))
}

fn has_source(rustc: &Path) -> bool {
    sysroot(rustc).is_ok_and(|root| root.join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file())
}

/// `None` when the toolchain carries the linker that the target's description names.
fn linker(rustc: &Path) -> Result<Option<PathBuf>> {
    if rust_lld(rustc)?.is_file() {
        return Ok(None);
    }
    match find("ld.lld") {
        Some(linker) => Ok(Some(linker)),
        None if is_root() => {
            install(&["lld"])?;
            Ok(Some(find("ld.lld").context("the package lld brings ld.lld")?))
        }
        None => bail!("{} has no linker for a bare target; this helps: apt-get install lld", rustc.display()),
    }
}

/// Where a toolchain carries its own linker, if it does.
fn rust_lld(rustc: &Path) -> Result<PathBuf> {
    let host = output(Command::new(rustc).args(["--print", "host-tuple"]), QUESTION)?;
    Ok(sysroot(rustc)?.join("lib/rustlib").join(host.trim()).join("bin/rust-lld"))
}

fn sysroot(rustc: &Path) -> Result<PathBuf> {
    Ok(output(Command::new(rustc).args(["--print", "sysroot"]), QUESTION)?.trim().into())
}

fn linker_variable(target: &str) -> String {
    format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(toolchain: &Toolchain) -> String {
        format!("{:?}", toolchain.cargo("build"))
    }

    fn toolchain(core: Core) -> Toolchain {
        Toolchain { cargo: "cargo".into(), rustc: "rustc".into(), target: "x86_64-unknown-none", core }
    }

    #[test]
    fn a_prebuilt_core_needs_no_switch() {
        let line = words(&toolchain(Core::Prebuilt));
        assert!(line.contains(r#""build" "--target" "x86_64-unknown-none""#), "{line}");
        assert!(!line.contains("RUSTC_BOOTSTRAP") && !line.contains("-Z"), "{line}");
    }

    #[test]
    fn a_core_from_source_takes_the_linker_that_there_is() {
        let line = words(&toolchain(Core::FromSource { linker: Some("/usr/bin/ld.lld".into()) }));
        assert!(line.contains("-Zbuild-std=core,alloc"), "{line}");
        assert!(line.contains(r#"RUSTC_BOOTSTRAP="1""#), "{line}");
        assert!(line.contains(r#"CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER="/usr/bin/ld.lld""#), "{line}");
    }
}
