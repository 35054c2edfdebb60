//! Links kernels for a bare target with this project's linker script: the programs of this package and of those in this workspace
//! whose `Cargo.toml` names this file, and kernels elsewhere, whose own build script finds the arguments in the variable
//! `DEP_MACHINE_LINK_ARGUMENTS`.
//!
//! Everything the link needs is said here and nothing in RUSTFLAGS, which a caller's environment would silently replace.
//! That includes position: the compiler's default for bare x86_64 is a static PIE, whose pointers someone would have
//! to relocate at run time. The same position-independent objects linked with `--no-pie` get their addresses from the
//! linker, so neither a relocation model nor a rebuilt `core` is needed.

use std::{env, fs, path::Path};

fn main() {
    let variable = |name| env::var(name).expect("cargo sets this variable");
    // By its full path, because it is also the build script of packages in other folders.
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")).join("..");
    println!("cargo::rerun-if-changed={}", folder.join("machine/build.rs").display());
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let script = folder.join("../linker").join(variable("CARGO_CFG_TARGET_ARCH")).with_extension("ld");
    println!("cargo::rerun-if-changed={}", script.display());
    // A file of arguments, so that kernels have one to pass on. No page alignment in the image: there is one segment, and
    // nobody maps it from a file. Functions of the same instructions become one: nothing compares their addresses.
    let file = Path::new(&variable("OUT_DIR")).join("link-arguments");
    fs::write(&file, format!("\"-T{}\"\n--no-pie\n--nmagic\n--icf=all\n", script.display()))
        .expect("cargo's folder can be written to");
    println!("cargo::rustc-link-arg-bins=@{}", file.display());
    println!("cargo::metadata=link_arguments=@{}", file.display());
}
