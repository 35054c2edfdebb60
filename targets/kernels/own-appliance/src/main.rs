//! The appliance with two commands of its own.
#![no_std]
#![no_main]

mod own;
#[cfg(feature = "testing")]
mod tests;

use appliance::guest::Guest;
#[cfg(not(feature = "testing"))]
use appliance::serve::tables_with;
use appliance::serve::{Table, serve};
use appliance::state::Appliance;
#[cfg(feature = "testing")]
use appliance::testing::{last_words, tables_with};
use machine::Handover;
use nanoqga::{Command, CommandSet};

const OWN: Table =
    &[Command::new("own-get-uptime", own::get_uptime), Command::new("own-get-memory-map", own::get_memory_map)];

static COMMANDS: CommandSet<Guest<Appliance>> = CommandSet::new(&tables_with(OWN));

#[cfg(not(feature = "testing"))]
machine::entry_point!(main);
#[cfg(feature = "testing")]
machine::entry_point!(main, last_words::end);

fn main(handover: Handover) -> ! {
    serve(handover, &COMMANDS)
}
