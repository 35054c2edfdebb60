//! Xen's store, by the kernel's way to it: one file, over which messages go as over the ring (Xen, docs/misc/xenstore.txt and
//! xen/include/public/io/xs_wire.h).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use super::errno::text;

const FILE: &str = "/dev/xen/xenbus";

/// Kinds of messages.
const DIRECTORY: u32 = 1;
const READ: u32 = 2;
const WATCH_EVENT: u32 = 15;
const ERROR: u32 = 16;

/// Kind, number of the request, transaction, length of what follows: each 32 bits in the machine's own order.
const HEADER: usize = 16;
/// No message has more behind its header.
const LONGEST: usize = 4096;

/// How long one piece of an answer is waited for.
const PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// How many pieces an answer comes in at most.
const PIECES: u32 = 64;

/// The store of the domain that this machine is.
#[derive(Debug)]
pub struct Store {
    file: OwnedFd,
    requests: u32,
}

/// What one request brought.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// The value, or names with a zero behind each.
    Value(Vec<u8>),
    /// There is no such path.
    Absent,
}

impl Store {
    /// The store, if the machine is a domain of Xen whose kernel offers it.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn open() -> Result<Option<Self>, String> {
        match open(FILE, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => Ok(Some(Self { file, requests: 0 })),
            // A kernel for Xen has the file elsewhere, too, but nothing behind it.
            Err(Errno::NOENT | Errno::NODEV | Errno::NXIO) => Ok(None),
            Err(error) => Err(format!("{FILE}: {}", text(error))),
        }
    }

    /// The number of the console with a name, `device/console/NUMBER/name`.
    ///
    /// # Errors
    /// If the store does not answer, or not as it must.
    pub fn console(&mut self, name: &str) -> Result<Option<u32>, String> {
        const CONSOLES: &str = "device/console";
        let Answer::Value(numbers) = self.ask(DIRECTORY, CONSOLES)? else { return Ok(None) };
        for number in numbers.split(|byte| *byte == 0).filter_map(number) {
            if self.ask(READ, &format!("{CONSOLES}/{number}/name"))? == Answer::Value(name.as_bytes().to_owned()) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    fn ask(&mut self, kind: u32, path: &str) -> Result<Answer, String> {
        let explained = |error| format!("Xen's store does not tell {path}: {}", text(error));
        self.requests = self.requests.wrapping_add(1);
        rustix::io::write(&self.file, &request(kind, self.requests, path)).map_err(explained)?;
        let mut got = Vec::new();
        for _ in 0..PIECES {
            while let Some((message, rest)) = Message::split(&got).map_err(explained)? {
                if let Some(answer) = message.answer(kind, self.requests) {
                    return answer.map_err(explained);
                }
                got = rest.to_owned();
            }
            self.read(&mut got).map_err(explained)?;
        }
        Err(explained(Errno::TOOBIG))
    }

    /// Waits for the next bytes.
    fn read(&self, got: &mut Vec<u8>) -> Result<(), Errno> {
        let mut piece = [0; 256];
        if poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&PATIENCE))? == 0 {
            return Err(Errno::TIMEDOUT);
        }
        match rustix::io::read(&self.file, &mut piece) {
            Ok(0) => Err(Errno::PIPE),
            Ok(length) => {
                got.extend_from_slice(piece.get(..length).unwrap_or_default());
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A number in digits, as the store has all numbers.
fn number(digits: &[u8]) -> Option<u32> {
    str::from_utf8(digits).ok()?.parse().ok()
}

/// A request about a path, outside of transactions.
fn request(kind: u32, id: u32, path: &str) -> Vec<u8> {
    let length = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
    let header = [kind, id, 0, length].map(u32::to_ne_bytes);
    [header.as_flattened(), path.as_bytes(), &[0]].concat()
}

/// A message of the store.
#[derive(Debug, PartialEq, Eq)]
struct Message<'a> {
    kind: u32,
    id: u32,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The first of the messages in some bytes, and what is behind it, once all of it is there.
    fn split(bytes: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, Errno> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
        let (words, _) = header.as_chunks::<4>();
        let [kind, id, _, length] = [0, 1, 2, 3].map(|word| words.get(word).copied().map_or(0, u32::from_ne_bytes));
        let length = usize::try_from(length).ok().filter(|length| *length <= LONGEST).ok_or(Errno::IO)?;
        Ok(rest.split_at_checked(length).map(|(body, rest)| (Self { kind, id, body }, rest)))
    }

    /// What it answers to a request, if it is the answer to that.
    fn answer(&self, kind: u32, id: u32) -> Option<Result<Answer, Errno>> {
        match self.kind {
            WATCH_EVENT => None,
            _ if self.id != id => None,
            ERROR if self.body.starts_with(b"ENOENT") => Some(Ok(Answer::Absent)),
            ERROR if self.body.starts_with(b"EACCES") => Some(Err(Errno::ACCESS)),
            answered if answered == kind => Some(Ok(Answer::Value(self.body.to_owned()))),
            _ => Some(Err(Errno::IO)),
        }
    }
}

#[cfg(test)]
mod tests;
