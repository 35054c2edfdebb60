//! The agent on the second serial port, through the firmware's Serial I/O protocol (UEFI specification 2.10, section 12.8).

use core::convert::Infallible;

use nanoqga::serve::answer;
use nanoqga::{Agent, Buffers};
use uefi::boot::{self, ScopedProtocol, SearchType};
use uefi::proto::console::serial::{ControlBits, Serial};
use uefi::{Result, ResultExt, Status};

use crate::agent::{Application, COMMANDS};
use crate::sleep::Sleep;

/// Takes the second serial port from firmware, which has a console on each.
pub fn second_port() -> Result<ScopedProtocol<Serial>> {
    let ports = boot::locate_handle_buffer(SearchType::from_proto::<Serial>())?;
    boot::open_protocol_exclusive(*ports.get(1).ok_or(Status::NOT_FOUND)?)
}

/// Serves a port until it fails.
pub fn serve(port: &mut Serial, application: &mut Application, sleep: &mut Sleep) -> Result<Infallible> {
    let mut buffers: Buffers = Buffers::new();
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    loop {
        // One at a time: for more, firmware would wait.
        let mut byte = [0; 1];
        let came = !has(port, ControlBits::INPUT_BUFFER_EMPTY)?;
        if came {
            port.read(&mut byte).discard_errdata()?;
            answer(&mut agent, application, &byte, &mut [0; 64], |reply| send(port, reply))?;
        }
        sleep.rest(came);
    }
}

/// Returns when all bytes have left: a command that ends the machine may be next.
fn send(port: &mut Serial, bytes: &[u8]) -> Result {
    for byte in bytes.chunks(1) {
        match port.write(byte).discard_errdata() {
            // The host is slow. EDK2 has the byte in its buffer then, and sends it when there is room.
            Err(error) if error.status() == Status::TIMEOUT => {}
            result => result?,
        }
        while !has(port, ControlBits::OUTPUT_BUFFER_EMPTY)? {}
    }
    Ok(())
}

fn has(port: &Serial, bit: ControlBits) -> Result<bool> {
    Ok(port.get_control_bits()?.contains(bit))
}
