//! Links the kernel as ArceOS' boot code needs it: position-independent, by the linker script of `ax-runtime`.

use std::env;

const ARGUMENTS: [&str; 8] =
    ["-pie", "--gc-sections", "-znorelro", "-znostart-stop-gc", "-Tlinker.x", "-u", "_head", "--oformat=binary"];

fn main() {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    println!("cargo::rustc-env=ARCHITECTURE={architecture}");
    // Relaxed code addresses data from the global pointer, which is not set yet when the kernel moves itself.
    let more = if architecture == "riscv64" { Some("--no-relax") } else { None };
    for argument in ARGUMENTS.into_iter().chain(more) {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
