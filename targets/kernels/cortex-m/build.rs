//! Links the firmware as `cortex-m-rt` asks for.

fn main() {
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
}
