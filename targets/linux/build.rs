//! Links the program with this project's linker script.

use std::{env, path::Path};

fn main() {
    let variable = |name| env::var(name).expect("cargo sets this variable");
    let script = Path::new(&variable("CARGO_MANIFEST_DIR")).join("../../linker/linux.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    // Elsewhere the program only says how to build it.
    if variable("CARGO_CFG_TARGET_ENV") == "musl" {
        println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    }
}
