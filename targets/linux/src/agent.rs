//! The agent: an engine, memory that grows for a long request, and the bytes between it and a stream.

#[cfg(test)]
mod tests;

use core::fmt;

use alloc::vec;
use alloc::vec::Vec;

use nanoqga::engine::Received;
use nanoqga::{CommandSet, Engine, Memory};

use crate::channel::{Lost, Stream};

/// The memory for a request while none is long.
const SHORT_REQUEST: usize = 4 << 10;
/// Memory that is longer grows by a quarter and does not double: most of it would be for nothing.
const LONG_REQUEST: usize = 1 << 20;
/// The longest piece of a reply, and of a file that is read for one.
const REPLY: usize = 16 << 10;
/// The bytes that are read or written at once.
const PIECE: usize = 16 << 10;

/// An agent for a guest `G` that answers `commands`.
pub struct Agent<'a, G> {
    commands: &'a CommandSet<'a, G>,
    engine: Engine<G>,
    request: Vec<u8>,
    reply: Vec<u8>,
    input: Buffer,
    output: Buffer,
    /// The longest request in bytes.
    longest: usize,
}

impl<'a, G> Agent<'a, G> {
    /// An agent that has received nothing yet, and takes requests of up to `longest` bytes.
    #[must_use]
    pub fn new(commands: &'a CommandSet<'a, G>, longest: usize) -> Self {
        Self {
            commands,
            longest,
            engine: Engine::new(),
            request: vec![0; SHORT_REQUEST],
            reply: vec![0; REPLY],
            input: Buffer::new(),
            output: Buffer::new(),
        }
    }

    /// Reads, runs a request and writes, as far as that needs no waiting; returns whether it did anything.
    ///
    /// A request is run only while the stream takes bytes: a host that reads nothing keeps only its own requests waiting.
    /// Replies to requests that came together leave together, as far as they fit.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn poll(&mut self, guest: &mut G, stream: &mut Stream) -> Result<bool, Lost> {
        if !stream.is_writable() {
            return Ok(false);
        }
        // A request may have no reply, and more may wait behind it.
        let busy = !self.engine.is_receiving();
        // A command without a reply may not return: the replies before it must be written first.
        if self.output.is_empty() || !self.may_not_return() {
            self.transmit(guest);
        }
        let more_to_come = self.engine.is_receiving() && !self.input.is_empty() && !self.output.is_full();
        if !self.output.is_empty() && !more_to_come {
            let written = stream.write(self.output.bytes())?;
            self.output.consume(written);
            return Ok(written > 0);
        }
        if self.input.is_empty() && stream.is_readable() {
            let read = stream.read(self.input.room())?;
            self.input.filled(read);
        }
        let took = self.receive();
        // What is wrong with a message may be seen before a byte of it is taken.
        Ok(busy || took || !self.engine.is_receiving())
    }

    /// Whether the host has sent more than the request that is answered next.
    pub fn has_more(&self) -> bool {
        self.input.bytes().iter().any(|byte| !byte.is_ascii_whitespace())
    }

    /// Forgets what was received and what was not sent: the host has gone, or another one has come. A command that has to go on
    /// to its end does so now.
    pub fn reset(&mut self, guest: &mut G) {
        self.engine.reset();
        self.input.clear();
        self.output.clear();
        self.transmit(guest);
    }

    /// Takes what was read; returns whether it did anything.
    fn receive(&mut self) -> bool {
        if self.engine.is_receiving() && !self.engine.has_half_a_request() {
            self.request.truncate(SHORT_REQUEST);
            self.request.shrink_to_fit();
        }
        let mut memory = Memory { request: &mut self.request, reply: &mut self.reply };
        match self.engine.receive(&mut memory, self.input.bytes()) {
            Received::Taken(taken) => {
                self.input.consume(taken);
                taken > 0
            }
            Received::NeedsRoom => {
                self.grow();
                true
            }
        }
    }

    /// Makes the memory for the request longer, or gives the request up.
    fn grow(&mut self) {
        let length = self.request.len();
        let more = if length < LONG_REQUEST { length } else { length / 4 };
        let more = more.min(self.longest.saturating_sub(length));
        if more > 0 && self.request.try_reserve_exact(more).is_ok() {
            self.request.resize(length + more, 0);
        } else {
            self.engine.refuse();
        }
    }

    fn may_not_return(&mut self) -> bool {
        let memory = Memory { request: &mut self.request, reply: &mut self.reply };
        self.engine.may_not_return(self.commands, &memory)
    }

    fn transmit(&mut self, guest: &mut G) {
        let mut memory = Memory { request: &mut self.request, reply: &mut self.reply };
        let filled = self.engine.transmit(self.commands, &mut memory, guest, self.output.room());
        self.output.filled(filled);
    }
}

impl<G> fmt::Debug for Agent<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("request", &self.request.len()).finish_non_exhaustive()
    }
}

/// Bytes on their way.
struct Buffer {
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn new() -> Self {
        Self { memory: vec![0; PIECE], start: 0, end: 0 }
    }

    const fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    const fn is_full(&self) -> bool {
        self.end >= self.memory.len()
    }

    fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    const fn consume(&mut self, count: usize) {
        self.start += count;
    }

    const fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// What is behind the bytes, to be filled from its beginning: all of the memory, if there are none.
    fn room(&mut self) -> &mut [u8] {
        if self.is_empty() {
            self.clear();
        }
        self.memory.get_mut(self.end..).unwrap_or_default()
    }

    const fn filled(&mut self, count: usize) {
        self.end += count;
    }
}
