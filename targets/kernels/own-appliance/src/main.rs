//! The appliance with two commands of its own.
#![no_std]
#![no_main]

mod own;

use appliance::guest::Guest;
use appliance::serve::{Table, serve, tables_with};
use appliance::state::Appliance;
use machine::Handover;
use nanoqga::{Command, CommandSet};

const OWN: Table =
    &[Command::new("own-get-uptime", own::get_uptime), Command::new("own-get-memory-map", own::get_memory_map)];

static COMMANDS: CommandSet<Guest<Appliance>> = CommandSet::new(&tables_with(OWN));

machine::entry_point!(main);

fn main(handover: Handover) -> ! {
    serve(handover, &COMMANDS)
}
