//! The same firmware without an agent, to measure what the agent takes: each byte that comes switches the lamp, and is answered
//! with the temperature in degrees Celsius.
#![no_std]
#![no_main]

use cortex_m::{asm, interrupt};
use cortex_m_rt::entry;
use embedded_io::Write;
use firmware::board::{self, Board};

#[entry]
fn main() -> ! {
    let Board { mut log, mut uart, mut lamp, mut thermometer } = Board::start();
    let _ = log.write_all(b"bare\n");
    interrupt::disable();
    loop {
        board::listen(&mut uart);
        match uart.read_word() {
            Ok(None) => asm::wfi(),
            Ok(Some(_)) => {
                let is_on = lamp.is_on();
                lamp.switch(!is_on);
                uart.write_word(thermometer.measure().map_or(0, |temperature| (temperature / 1000) as u8));
            }
            Err(_) => drop(log.write_all(b"noise\n")),
        }
    }
}
