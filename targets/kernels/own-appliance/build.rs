//! Links the kernel as `machine` asks for.

fn main() {
    let arguments = std::env::var("DEP_MACHINE_LINK_ARGUMENTS").expect("this kernel is for bare targets only");
    println!("cargo::rustc-link-arg-bins={arguments}");
}
