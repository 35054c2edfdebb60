//! The profile `appliance-xen`: the appliance, which may be a domain of Xen without devices.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use appliance::serve::{TABLES, serve};
    use machine::Handover;

    machine::entry_point!(main, machine::last_words::die_at);

    fn main(handover: Handover) -> ! {
        serve(handover, &TABLES)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("the appliance runs without an operating system: build it for a bare target");
}
