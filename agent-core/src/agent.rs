//! An agent: the state machine with its buffers.

use crate::command::CommandSet;
use crate::machine::{Lent, Machine};

/// A guest agent for one channel.
///
/// `RECEIVE` is the longest request in bytes, `STAGE` the longest piece of a reply; replies may be of any length. It has
/// no clock, does no I/O and allocates nothing. The contract with its caller:
///
/// 1. [`receive`](Self::receive) takes bytes in, up to the end of a request. While a request is being answered it takes
///    none: back-pressure, not loss.
/// 2. [`transmit`](Self::transmit) runs the request and hands its reply out, until it returns 0.
/// 3. [`reset`](Self::reset) is due when the host connects or disconnects.
///
/// A command such as `guest-shutdown` may not return, so what was transmitted before should be on its way to the host
/// before more is received. [`Pump`](crate::serve::Pump) does all that over `embedded-io`.
#[derive(Debug)]
pub struct Agent<'a, G, const RECEIVE: usize = 4096, const STAGE: usize = 1024> {
    commands: &'a CommandSet<'a, G>,
    machine: Machine<G>,
    message: [u8; RECEIVE],
    stage: [u8; STAGE],
}

impl<'a, G, const RECEIVE: usize, const STAGE: usize> Agent<'a, G, RECEIVE, STAGE> {
    /// An agent that answers `commands`.
    #[must_use]
    pub const fn new(commands: &'a CommandSet<'a, G>) -> Self {
        const {
            assert!(RECEIVE >= 128 && STAGE >= 128, "no request or reply fits such a buffer");
            assert!(RECEIVE as u64 <= u32::MAX as u64, "a message has no more than 4 GiB");
        }
        Self { commands, machine: Machine::new(), message: [0; RECEIVE], stage: [0; STAGE] }
    }

    /// Takes in bytes from the host; returns how many. It takes none while there is something to transmit.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.machine.receive(&mut self.message, bytes)
    }

    /// Whether [`receive`](Self::receive) would take bytes: the last request is answered to its end.
    #[must_use]
    pub const fn is_receiving(&self) -> bool {
        self.machine.is_receiving()
    }

    /// Whether the beginning of a request has been received, but not its end.
    #[must_use]
    pub const fn has_half_a_request(&self) -> bool {
        self.machine.has_half_a_request()
    }

    /// Whether the request that was received is for a command without a reply on success: it may not return.
    #[must_use]
    pub fn may_not_return(&self) -> bool {
        self.machine.may_not_return(self.commands, &self.message)
    }

    /// Runs the request that was received, if any, and fills `room` with bytes for the host; returns how many.
    ///
    /// If it fills less than all of `room`, the reply is whole. The guest is asked only for as much as `room` takes.
    pub fn transmit(&mut self, guest: &mut G, room: &mut [u8]) -> usize {
        let Self { commands, machine, message, stage } = self;
        machine.transmit(Lent { commands, message, stage }, guest, room)
    }

    /// Forgets the request that was half received and the rest of the reply: the host has connected or disconnected.
    pub const fn reset(&mut self) {
        self.machine.reset();
    }

    /// Forgets the rest of the reply that is being sent: its host has gone. A request that was received stays.
    pub const fn abandon_reply(&mut self) {
        self.machine.abandon_reply();
    }
}
