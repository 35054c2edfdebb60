//! The agent in the main loop, which sleeps when there is nothing to do.
#![no_std]
#![no_main]

use cortex_m::{asm, interrupt};
use cortex_m_rt::entry;
use embedded_io::Write;
use firmware::agent::{BUFFERS, COMMANDS, Firmware};
use firmware::board::{self, Board};
use nanoqga::Agent;
use nanoqga::serve::{Line, Pump};

#[entry]
fn main() -> ! {
    let Board { mut log, uart, lamp, thermometer } = Board::start();
    let _ = log.write_all(b"polled\n");
    let mut agent = Agent::new(&COMMANDS, BUFFERS.take().memory());
    let (mut pump, mut firmware) = (Pump::<64>::new(), Firmware { lamp, thermometer });
    let mut line = Line(uart);
    // Interrupts end the sleep, and have no handlers.
    interrupt::disable();
    loop {
        // An interrupt from before the look would end the sleep at once.
        board::listen(&mut line.0);
        match pump.poll(&mut agent, &mut firmware, &mut line) {
            Ok(true) => {}
            Ok(false) => asm::wfi(),
            Err(_) => {
                // Noise on the line: the host begins again.
                let _ = log.write_all(b"noise\n");
                pump.reset(&mut agent);
            }
        }
    }
}
