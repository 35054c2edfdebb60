//! A client of Xen's store (docs/misc/xenstore.txt, public/io/xs_wire.h). The store is another domain's and may say anything: no
//! wait and no length is left to it.

/// Kinds of messages.
const DIRECTORY: u32 = 1;
const READ: u32 = 2;
const WATCH: u32 = 4;
const WRITE: u32 = 11;
const WATCH_EVENT: u32 = 15;

/// Kind, number of the request, transaction, length of what follows.
const HEADER: usize = 16;
/// No message has more behind its header.
const LONGEST: u32 = 4096;
/// How many events may come before an answer.
const EVENTS: u32 = 64;

/// The rings between the domain and its store.
pub trait Wire {
    /// A message begins, in either direction: the waits for all of it and for its answer end together after a while.
    fn begin(&mut self);

    /// Takes as many bytes as there is room for; returns how many.
    fn put(&mut self, bytes: &[u8]) -> usize;

    /// Gives as many bytes as there are and `buffer` has room for; returns how many.
    fn take(&mut self, buffer: &mut [u8]) -> usize;

    /// Waits until the store has put or taken something. Returns whether to go on: false if the while is over.
    fn wait(&mut self) -> bool;
}

/// Why the store says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// It has said that it does not tell, or does not do that: there may be no such path.
    Refused,
    /// It does not answer, or not as a store must. It is not asked any more.
    Broken,
}

/// The store.
#[derive(Debug)]
pub struct Store<W> {
    wire: W,
    requests: u32,
    /// What comes has no known beginning.
    is_broken: bool,
    /// A watch has called since it was last asked.
    is_called: bool,
}

/// A header as numbers.
struct Message {
    kind: u32,
    request: u32,
    length: u32,
}

impl<W: Wire> Store<W> {
    /// The store at the other end of `wire`.
    pub const fn new(wire: W) -> Self {
        Self { wire, requests: 0, is_broken: false, is_called: false }
    }

    /// The value of a path, which is the concatenation of `path`. As much of it as there is room for is in `value` then.
    ///
    /// # Errors
    /// If it is not told.
    pub fn read<'v>(&mut self, path: &[&str], value: &'v mut [u8]) -> Result<&'v [u8], StoreError> {
        self.ask(READ, &[path, &["\0"]], value)
    }

    /// The names below a path, each with a zero behind it. As many of them as there is room for are in `names` then.
    ///
    /// # Errors
    /// If they are not told.
    pub fn directory<'n>(&mut self, path: &[&str], names: &'n mut [u8]) -> Result<&'n [u8], StoreError> {
        self.ask(DIRECTORY, &[path, &["\0"]], names)
    }

    /// Writes the value of a path.
    ///
    /// # Errors
    /// If it is not written.
    pub fn write(&mut self, path: &[&str], value: &str) -> Result<(), StoreError> {
        self.ask(WRITE, &[path, &["\0", value]], &mut []).map(drop)
    }

    /// Has the store call when a path changes: [`has_called`](Self::has_called). It calls once at once.
    ///
    /// # Errors
    /// If it will not.
    pub fn watch(&mut self, path: &[&str]) -> Result<(), StoreError> {
        self.ask(WATCH, &[path, &["\0watch\0"]], &mut []).map(drop)
    }

    /// Whether a watch has called since this was last asked. It does not wait for that.
    pub fn has_called(&mut self) -> bool {
        if !self.is_broken {
            let mut byte = [0];
            if self.wire.take(&mut byte) > 0 {
                self.wire.begin();
                // The rest of a message follows its first byte at once.
                let message = self.message(byte);
                self.is_broken = message.and_then(|message| self.skip(message.length)).is_none();
            }
        }
        core::mem::take(&mut self.is_called)
    }

    /// Sends a request, and puts what is answered into `answer`.
    #[inline(never)]
    fn ask<'a>(&mut self, kind: u32, parts: &[&[&str]], answer: &'a mut [u8]) -> Result<&'a [u8], StoreError> {
        if self.is_broken {
            return Err(StoreError::Broken);
        }
        self.requests = self.requests.wrapping_add(1);
        self.wire.begin();
        // It is whole again when all of the answer was read.
        self.is_broken = true;
        let answered = self.exchange(kind, parts, answer).ok_or(StoreError::Broken)?;
        self.is_broken = false;
        answered.and_then(|length| answer.get(..length)).ok_or(StoreError::Refused)
    }

    /// Sends a request and receives the answer. `None` if the store is broken, and `Some(None)` if it refuses.
    fn exchange(&mut self, kind: u32, parts: &[&[&str]], answer: &mut [u8]) -> Option<Option<usize>> {
        let texts = || parts.iter().copied().flatten();
        let length = texts().fold(0, |sum: usize, text| sum.saturating_add(text.len()));
        let length = u32::try_from(length).ok().filter(|length| *length <= LONGEST)?;
        self.put([kind, self.requests, 0, length].map(u32::to_le_bytes).as_flattened())?;
        for text in texts() {
            self.put(text.as_bytes())?;
        }
        for _ in 0..EVENTS {
            let mut byte = [0];
            self.take(&mut byte)?;
            let message = self.message(byte)?;
            if message.kind == WATCH_EVENT || message.request != self.requests {
                self.skip(message.length)?;
                continue;
            }
            if message.kind != kind {
                self.skip(message.length)?;
                return Some(None);
            }
            let told = answer.len().min(usize::try_from(message.length).ok()?);
            self.take(answer.get_mut(..told)?)?;
            self.skip(message.length.saturating_sub(u32::try_from(told).ok()?))?;
            return Some(Some(told));
        }
        None
    }

    /// The header of a message, whose first byte was read.
    fn message(&mut self, [first]: [u8; 1]) -> Option<Message> {
        let mut header = [0; HEADER];
        let (start, rest) = header.split_first_mut()?;
        *start = first;
        self.take(rest)?;
        let (words, _) = header.as_chunks::<4>();
        let word = |index: usize| words.get(index).copied().map_or(0, u32::from_le_bytes);
        let message = Message { kind: word(0), request: word(1), length: word(3) };
        self.is_called |= message.kind == WATCH_EVENT;
        (message.length <= LONGEST).then_some(message)
    }

    fn skip(&mut self, length: u32) -> Option<()> {
        let (mut left, mut piece) = (usize::try_from(length).ok()?, [0; 64]);
        while left > 0 {
            let next = left.min(piece.len());
            self.take(piece.get_mut(..next)?)?;
            left = left.saturating_sub(next);
        }
        Some(())
    }

    fn put(&mut self, mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            let put = self.wire.put(bytes);
            if put == 0 && !self.wire.wait() {
                return None;
            }
            bytes = bytes.get(put..)?;
        }
        Some(())
    }

    fn take(&mut self, mut buffer: &mut [u8]) -> Option<()> {
        while !buffer.is_empty() {
            let taken = self.wire.take(buffer);
            if taken == 0 && !self.wire.wait() {
                return None;
            }
            buffer = buffer.get_mut(taken..)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
