//! The profile `appliance-tests`: the appliance, and tests of it that its host can run. Only our own tests boot it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use appliance::guest::Guest;
    use appliance::serve::serve;
    use appliance::state::Appliance;
    use appliance::testing::{last_words, tables_with};
    use machine::Handover;
    use nanoqga::{Command, CommandSet};

    static TABLES: &[&[Command<Guest<Appliance>>]] = &tables_with(&[]);
    static COMMANDS: CommandSet<Guest<Appliance>> = CommandSet::new(TABLES);

    machine::entry_point!(main, last_words::end);

    fn main(handover: Handover) -> ! {
        serve(handover, &COMMANDS)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("the appliance runs without an operating system: build it for a bare target");
}
