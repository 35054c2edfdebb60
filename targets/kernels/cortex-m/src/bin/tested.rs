//! The agent in the main loop, with tests of the board that a host can run.
#![no_std]
#![no_main]

use cortex_m::{asm, interrupt};
use cortex_m_rt::entry;
use firmware::agent::Firmware;
use firmware::board::{self, Board};
use firmware::tests::{BUFFERS, COMMANDS};
use nanoqga::Agent;
use nanoqga::serve::{Line, Pump};

#[entry]
fn main() -> ! {
    let Board { uart, lamp, thermometer, .. } = Board::start();
    let mut agent = Agent::new(&COMMANDS, BUFFERS.take().memory());
    let (mut pump, mut firmware) = (Pump::<64>::new(), Firmware { lamp, thermometer });
    let mut line = Line(uart);
    // Interrupts end the sleep, and have no handlers.
    interrupt::disable();
    loop {
        // An interrupt of before would end the sleep at once.
        board::listen(&mut line.0);
        loop {
            match pump.poll(&mut agent, &mut firmware, &mut line) {
                Ok(true) => {}
                Ok(false) => break,
                // Noise on the line: the host begins again.
                Err(_) => pump.reset(&mut agent),
            }
        }
        asm::wfi();
    }
}
