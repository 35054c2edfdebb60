//! Links the kernel, and its tests, as `machine` asks for.

fn main() {
    let arguments = std::env::var("DEP_MACHINE_LINK_ARGUMENTS").expect("this kernel is for bare targets only");
    for kind in ["bins", "tests"] {
        println!("cargo::rustc-link-arg-{kind}={arguments}");
    }
}
