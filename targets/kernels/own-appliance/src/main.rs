//! The appliance with two commands of its own.
#![no_std]
#![no_main]

mod own;
#[cfg(feature = "testing")]
mod tests;

#[cfg(not(feature = "testing"))]
use appliance::serve::tables_with;
use appliance::serve::{Table, serve};
#[cfg(feature = "testing")]
use appliance::testing::{last_words, tables_with};
use machine::Handover;
use nanoqga::Command;

const OWN: Table =
    &[Command::new("own-get-uptime", own::get_uptime), Command::new("own-get-memory-map", own::get_memory_map)];

#[cfg(not(feature = "testing"))]
machine::entry_point!(main);
#[cfg(feature = "testing")]
machine::entry_point!(main, last_words::end);

fn main(handover: Handover) -> ! {
    serve(handover, const { &tables_with(OWN) })
}
