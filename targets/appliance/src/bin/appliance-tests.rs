//! The profile `appliance-tests`: the appliance, and tests of it that its host can run. Only our own tests boot it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use appliance::serve::{Table, serve};
    use appliance::testing::{last_words, tables_with};
    use machine::Handover;

    static TABLES: &[Table] = &tables_with(&[]);

    machine::entry_point!(main, last_words::end);

    fn main(handover: Handover) -> ! {
        serve(handover, TABLES)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("the appliance runs without an operating system: build it for a bare target");
}
