//! Links the loader for a bare target, so that it runs wherever firmware puts it. As for the images, RUSTFLAGS say nothing.

use std::{env, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo sets the package's folder");
    let script = Path::new(&package).join("../../linker/efi-loader.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    // The linker then says which addresses someone would have to relocate: the script allows none.
    println!("cargo::rustc-link-arg-bins=--pie");
    println!("cargo::rustc-link-arg-bins=--no-dynamic-linker");
    println!("cargo::rustc-link-arg-bins=--nmagic");
}
