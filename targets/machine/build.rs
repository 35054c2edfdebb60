//! Links kernels for a bare target with this project's linker script: those of this package, and those on it, whose `Cargo.toml`
//! names this file.
//!
//! Everything the link needs is said here and nothing in RUSTFLAGS, which a caller's environment would silently replace.
//! That includes position: the compiler's default for bare x86_64 is a static PIE, whose pointers someone would have
//! to relocate at run time. The same position-independent objects linked with `--no-pie` get their addresses from the
//! linker, so neither a relocation model nor a rebuilt `core` is needed.

use std::{env, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets the architecture");
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo sets the package's folder");
    let script = Path::new(&package).join(format!("../../linker/{arch}.ld"));
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    println!("cargo::rustc-link-arg-bins=--no-pie");
    // No page alignment in the file: there is one segment, and nobody maps it from a file.
    println!("cargo::rustc-link-arg-bins=--nmagic");
}
