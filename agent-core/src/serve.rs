//! Glue to `embedded-io`: pumps a channel's bytes through an agent. With the feature `async` also to `embedded-io-async`. A kernel
//! with neither calls [`answer`].

#[cfg(feature = "async")]
mod awaited;
mod channel;

pub use self::channel::{Channel, HostChange, Line};
use crate::agent::Agent;
use crate::json::scanner::RESET;

/// Answers the requests in `bytes`, which may begin and end anywhere in one. Each piece of a reply lies in `room`, which may be of
/// any size, when `send` is called with it.
///
/// ```
/// # use std::convert::Infallible;
/// # use nanoqga::commands::sync;
/// # use nanoqga::{Agent, Buffers, CommandSet};
/// # static COMMANDS: CommandSet<()> = CommandSet::new(&[sync::commands()]);
/// let mut buffers: Buffers = Buffers::new();
/// let mut agent = Agent::new(&COMMANDS, buffers.memory());
/// let (mut room, mut sent) = ([0; 16], Vec::new());
/// for bytes in ["{\"execute\": \"guest-sync\", \"argum", "ents\": {\"id\": 5}}\n"] {
///     let send = |reply: &[u8]| Ok::<_, Infallible>(sent.extend_from_slice(reply));
///     nanoqga::serve::answer(&mut agent, &mut (), bytes.as_bytes(), &mut room, send)?;
/// }
/// assert_eq!(sent, b"{\"return\": 5}\n");
/// # Ok::<_, Infallible>(())
/// ```
///
/// # Errors
/// The first of `send`. The rest of `bytes` is lost then, and the agent should be [`reset`](Agent::reset).
pub fn answer<G, E>(
    agent: &mut Agent<'_, G>,
    guest: &mut G,
    bytes: &[u8],
    room: &mut [u8],
    mut send: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut taken = 0;
    loop {
        let filled = agent.transmit(guest, room);
        if filled > 0 {
            send(room.get(..filled).unwrap_or_default())?;
            continue;
        }
        let rest = bytes.get(taken..).unwrap_or_default();
        // Without any room nothing can be answered.
        if rest.is_empty() && agent.is_receiving() || room.is_empty() {
            return Ok(());
        }
        taken += agent.receive(rest);
    }
}

/// The bytes between one channel and its agent: up to `N` of requests, and up to `OUT` of replies.
///
/// All that fits leaves in one write. So where each write costs the host something, as with virtio, `OUT` should be as much as the
/// channel takes at once.
#[derive(Debug)]
pub struct Pump<const N: usize = 256, const OUT: usize = N> {
    input: Buffer<N>,
    output: Buffer<OUT>,
    /// How many of the next reads may be of what a host left behind, or the first of the next host's.
    left_behind: usize,
}

impl<const N: usize, const OUT: usize> Pump<N, OUT> {
    /// An empty pump, all zeros. One of no bytes does not compile.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N > 0 && OUT > 0, "nothing goes through a pump of no bytes") };
        Self::NEW
    }

    const NEW: Self = Self { input: Buffer::new(), output: Buffer::new(), left_behind: 0 };

    /// Moves what can be moved without waiting; returns whether it did anything. Call it again as long as it does, then
    /// sleep until the channel has news.
    ///
    /// A request is run only while the channel is ready to be written to, which is asked only if there is one. So a channel
    /// that keeps bytes of its own must send them without being asked. Replies to requests that came together leave together,
    /// as far as they fit. A command that may not return, such as `guest-shutdown`, runs only when the channel says that every
    /// earlier reply has left. A host that reads nothing keeps only its own requests waiting.
    ///
    /// # Errors
    /// Those of the channel. What was read and not yet answered stays.
    // Kept whole: the images are smaller so.
    #[inline(never)]
    pub fn poll<C: Channel, G>(
        &mut self,
        agent: &mut Agent<'_, G>,
        guest: &mut G,
        channel: &mut C,
    ) -> Result<bool, C::Error> {
        if let Some(HostChange { unread }) = channel.host_change()? {
            self.host_changed(agent, unread);
        }
        let has_to_write = !self.output.is_empty() || !agent.is_receiving();
        // Only then: a channel that is asked may interrupt once it is ready.
        if has_to_write && !channel.write_ready()? {
            return Ok(false);
        }
        // A request may have no reply, and more may wait behind it.
        let busy = !agent.is_receiving();
        if !agent.may_not_return() || self.output.is_empty() && channel.is_drained()? {
            let filled = agent.transmit(guest, self.output.room());
            self.output.filled(filled);
        } else if self.output.is_empty() {
            return Ok(false);
        }
        let more_to_come = agent.is_receiving() && !self.input.is_empty();
        if !self.output.is_empty() && !more_to_come {
            let written = channel.write(self.output.bytes())?;
            self.output.consume(written);
            return Ok(written > 0);
        }
        if self.input.is_empty() {
            if channel.read_ready()? {
                let read = channel.read(self.input.room())?;
                self.input.filled(read);
                self.end_what_was_left_behind(agent);
            } else if !agent.has_half_a_request() {
                self.left_behind = 0;
            }
        }
        let taken = agent.receive(self.input.bytes());
        self.input.consume(taken);
        // What is wrong with a message may be seen before a byte of it is taken.
        Ok(busy || taken > 0 || !agent.is_receiving())
    }

    /// Whether every request that was read is answered, and the reply written, but for a request that is not complete.
    pub fn is_idle<G>(&self, agent: &Agent<'_, G>) -> bool {
        self.input.is_empty() && self.output.is_empty() && agent.is_receiving()
    }

    /// After a read: see [`host_changed`](Self::host_changed).
    fn end_what_was_left_behind<G>(&mut self, agent: &mut Agent<'_, G>) {
        if self.left_behind > 0 && matches!(self.input.bytes(), [b'{' | RESET, ..]) {
            agent.reset();
        }
        self.left_behind = self.left_behind.saturating_sub(1);
    }

    /// The host has gone, or another one has come. What it asked for is still done, but nobody is sent the rest of its reply.
    /// [`poll`](Self::poll) calls this itself.
    ///
    /// The channel may still hold bytes of the host before, which at most `unread` reads give. Until
    /// those are done, and for one read more, a read that begins with `{` or 0xFF begins a message: what was half received
    /// before it was left behind. So a channel should not give bytes of two hosts in one read, and `N` should be what it
    /// gives in one.
    pub fn host_changed<G>(&mut self, agent: &mut Agent<'_, G>, unread: usize) {
        self.left_behind = unread.saturating_add(1);
        self.output.clear();
        agent.abandon_reply();
    }

    /// Forgets everything on its way, in the agent too: the host has connected or disconnected.
    pub fn reset<G>(&mut self, agent: &mut Agent<'_, G>) {
        self.input.clear();
        self.output.clear();
        self.left_behind = 0;
        agent.reset();
    }
}

impl<const N: usize, const OUT: usize> Default for Pump<N, OUT> {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes on their way.
#[derive(Debug)]
struct Buffer<const N: usize> {
    bytes: [u8; N],
    start: usize,
    end: usize,
}

impl<const N: usize> Buffer<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], start: 0, end: 0 }
    }

    const fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    const fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    const fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count);
    }

    /// What is behind the bytes, to be filled from its beginning: all of the buffer, if it is empty.
    fn room(&mut self) -> &mut [u8] {
        if self.is_empty() {
            self.clear();
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(N);
    }
}
