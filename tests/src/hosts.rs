//! Hosts that come and go.

use anyhow::{Result, ensure};

use crate::booted::{Booted, qemu_has_no_host, resynchronise, send_half, soon, synchronise};

/// Hosts leave in the middle of a message, ten times, and another one comes each time. The guest comes back with the last one's
/// connection. `serial` says that the channel is a UART.
///
/// # Errors
/// When a host gets anything but the replies that are due to it.
pub fn come_and_go(Booted { mut agent, mut guest }: Booted, serial: bool) -> Result<Booted> {
    for id in 1..=10 {
        if serial {
            // A UART does not tell that its host left: the next one clears the line, as hosts do.
            send_half(&mut agent, &mut guest)?;
            drop(agent);
            agent = guest.connect(soon())?;
            let before = resynchronise(&mut agent, id)?;
            ensure!(before.len() == 1, "one error was due for the half message, but there came {before:?}");
        } else {
            agent.send(br#"{"execute":"guest-sync","arguments":{"id":"#, soon())?;
            drop(agent);
            // The guest is told of leaving and returning over another queue than it gets bytes from: it may hear of both
            // at once, with the bytes of both waiting.
            if id % 2 == 0 {
                qemu_has_no_host(&mut guest)?;
            }
            agent = guest.connect(soon())?;
        }
        // The very next line must be the reply: no error left over from the half message.
        synchronise(&mut agent, -id)?;
    }
    Ok(Booted { agent, guest })
}
