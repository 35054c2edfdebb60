//! Links the loader for a bare target, so that it runs wherever firmware loads it. As for the images, RUSTFLAGS has no part in it.

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
    // The linker then emits a relocation for each address that would need one: the script allows none.
    println!("cargo::rustc-link-arg-bins=--pie");
    println!("cargo::rustc-link-arg-bins=--no-dynamic-linker");
    println!("cargo::rustc-link-arg-bins=--nmagic");
}
