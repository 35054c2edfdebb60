//! The profile `appliance`: a guest with state behind its answers.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use appliance::guest::Guest;
    use appliance::serve::{TABLES, serve};
    use appliance::state::Appliance;
    use machine::Handover;
    use nanoqga::CommandSet;

    static COMMANDS: CommandSet<Guest<Appliance>> = CommandSet::new(&TABLES);

    machine::entry_point!(main);

    fn main(handover: Handover) -> ! {
        serve(handover, &COMMANDS)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("the appliance runs without an operating system: build it for a bare target");
}
