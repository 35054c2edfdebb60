//! What the link of `no-panic` needs, for a bare target.

use std::env;

/// What the optimiser is to know nothing of. Nobody runs the program, so each may have any address.
const UNKNOWN: [&str; 3] = ["unknown_script", "unknown_bytes", "unknown_room"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    // The addresses are no part of a position-independent program.
    println!("cargo::rustc-link-arg-bin=no-panic=--no-pie");
    for symbol in UNKNOWN {
        println!("cargo::rustc-link-arg-bin=no-panic=--defsym={symbol}=0");
    }
}
