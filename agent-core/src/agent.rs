//! An agent: the engine with its commands and its memory.

use crate::command::CommandSet;
use crate::engine::{Engine, Memory, Received};

/// The memory of an [`Agent`]: a request of up to `REQUEST` bytes and pieces of a reply of up to `REPLY` bytes; a reply may be of
/// any length. It is all zeros at first, so that a static one costs no bytes of an image.
#[derive(Debug)]
pub struct Buffers<const REQUEST: usize = 4096, const REPLY: usize = 1024> {
    request: [u8; REQUEST],
    reply: [u8; REPLY],
}

impl<const REQUEST: usize, const REPLY: usize> Buffers<REQUEST, REPLY> {
    /// Empty buffers. Less than 128 bytes for either does not compile, nor does a request of more than 4 GiB.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(REQUEST >= 128 && REPLY >= 128, "no request or reply fits such a buffer");
            assert!(REQUEST as u64 <= u32::MAX as u64, "a request has no more than 4 GiB");
        }
        Self { request: [0; REQUEST], reply: [0; REPLY] }
    }

    /// The buffers as an agent takes them.
    pub const fn memory(&mut self) -> Memory<'_> {
        Memory { request: &mut self.request, reply: &mut self.reply }
    }
}

impl<const REQUEST: usize, const REPLY: usize> Default for Buffers<REQUEST, REPLY> {
    fn default() -> Self {
        Self::new()
    }
}

/// A guest agent for one channel.
///
/// It has no clock, does no I/O and allocates nothing. The contract with its caller:
///
/// 1. [`receive`](Self::receive) takes bytes up to the end of a request. While a request is being answered it takes
///    none: back-pressure, not loss.
/// 2. [`transmit`](Self::transmit) runs the request and hands its reply out, until it returns 0.
/// 3. [`reset`](Self::reset) must be called when the host connects or disconnects.
///
/// A command such as `guest-shutdown` may not return, so what was transmitted before should be on its way to the host
/// before more is received. [`Pump`](crate::serve::Pump) does all that over `embedded-io`.
#[derive(Debug)]
pub struct Agent<'a, G> {
    commands: &'a CommandSet<'a, G>,
    engine: Engine<G>,
    memory: Memory<'a>,
}

impl<'a, G> Agent<'a, G> {
    /// An agent that answers `commands`, in `memory` of its own: see [`Buffers`].
    #[must_use]
    pub const fn new(commands: &'a CommandSet<'a, G>, memory: Memory<'a>) -> Self {
        Self { commands, engine: Engine::new(), memory }
    }

    /// Answers other commands from now on. The request that is being answered goes on.
    pub const fn set_commands(&mut self, commands: &'a CommandSet<'a, G>) {
        self.commands = commands;
    }

    /// Takes bytes from the host; returns how many. It takes none while there is something to transmit.
    #[must_use]
    // Kept whole: the images are smaller so.
    #[inline(never)]
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        match self.engine.receive(&mut self.memory, bytes) {
            Received::Taken(taken) => taken,
            Received::NeedsRoom => {
                self.engine.refuse();
                0
            }
        }
    }

    /// Whether [`receive`](Self::receive) would take bytes: the last request is answered to its end.
    #[must_use]
    pub const fn is_receiving(&self) -> bool {
        self.engine.is_receiving()
    }

    /// Whether the beginning of a request has been received, but not its end.
    #[must_use]
    pub const fn has_half_a_request(&self) -> bool {
        self.engine.has_half_a_request()
    }

    /// Whether the request that was received is for a command that may not return: it says so, or has no reply on success.
    #[must_use]
    pub fn may_not_return(&self) -> bool {
        self.engine.may_not_return(self.commands, &self.memory)
    }

    /// Runs the request that was received, if any, and fills `room` with bytes for the host; returns how many.
    ///
    /// If it fills less than all of `room`, the reply is whole. The guest is asked only for as much as `room` takes.
    #[must_use]
    pub fn transmit(&mut self, guest: &mut G, room: &mut [u8]) -> usize {
        self.engine.transmit(self.commands, &mut self.memory, guest, room)
    }

    /// Forgets the request that was half received and the rest of the reply: the host has connected or disconnected. A command
    /// that acts on several things goes on to its end in the next [`transmit`](Self::transmit).
    pub const fn reset(&mut self) {
        self.engine.reset();
    }

    /// Forgets the rest of the reply that is being sent: its host has gone. A request that was received stays.
    pub const fn abandon_reply(&mut self) {
        self.engine.abandon_reply();
    }
}
