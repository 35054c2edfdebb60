//! Prints what memory there is, ticks three times, and switches the machine off.
#![no_std]
#![no_main]

use machine::log::Value::Hex;
use machine::{ARCHITECTURE, Handover, Machine, Timer, console, halt, log, monotonic_ns};

const NS_PER_MS: u64 = 1_000_000;

machine::entry_point!(main);

fn main(handover: Handover) -> ! {
    let mut machine = Machine::start(handover, |_| false);
    console::begin(machine.options());
    log!("{}, {} processor(s)", ARCHITECTURE, machine.processors().count);
    for ram in machine.ram() {
        log!("RAM from {} to {}: {} KiB", Hex(ram.start), Hex(ram.end), (ram.end - ram.start) / 1024);
    }
    if let Some(timer) = Timer::find(&machine) {
        for tick in 1..=3 {
            timer.wait(&machine, 100 * NS_PER_MS);
            log!("tick {} at {} ms", tick, monotonic_ns().unwrap_or(0) / NS_PER_MS);
        }
    }
    log!("powering off");
    if let Err(error) = machine.power_off() {
        log!("{}", error.reason());
    }
    halt()
}
