//! What the agent and its worker tell each other, each in one packet.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nanoqga::{Cause, Failure};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send as send_packet};

use super::super::errno::failed_by;
use super::super::hook;

pub(super) const FAILED_TO_READ: &str = "failed to read the mounts: ";
pub(super) const FAILED_TO_OPEN: &str = "failed to open ";
pub(super) const FAILED_TO_FREEZE: &str = "failed to freeze ";
pub(super) const FAILED_TO_MARK: &str = "failed to mark file systems as frozen: ";
pub(super) const WORKER_ENDED: &str = "the process that holds file systems frozen has been killed";

/// What the texts of failures begin with.
const BEGINNINGS: [&str; 7] =
    [FAILED_TO_READ, FAILED_TO_OPEN, FAILED_TO_FREEZE, FAILED_TO_MARK, WORKER_ENDED, hook::FAILED, hook::KILLED];

/// No packet is longer; what is longer is cut.
const LONGEST: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// To the worker: that it should thaw, or freeze no more.
    Thaw,
    /// It begins to freeze.
    Begun,
    /// So many file systems are frozen. With none the worker ends.
    Frozen(usize),
    /// So many were thawed, because the time was up or because they should be, and what is wrong with the hook. The last message.
    Thawed { count: usize, by_limit: bool, complaint: String },
    /// It failed, and nothing is frozen. The last message.
    Failed(String),
    /// Something for the log.
    Note(String),
}

impl Message {
    fn encode(&self) -> Vec<u8> {
        let text = match self {
            Self::Thaw => "T".into(),
            Self::Begun => "B".into(),
            Self::Frozen(count) => format!("F{count}"),
            Self::Thawed { count, by_limit, complaint } => {
                format!("{}{count} {complaint}", if *by_limit { 'L' } else { 'D' })
            }
            Self::Failed(text) => format!("E{text}"),
            Self::Note(text) => format!("N{text}"),
        };
        let mut bytes = text.into_bytes();
        bytes.truncate(LONGEST);
        bytes
    }

    fn decode(packet: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(packet);
        let mut characters = text.chars();
        let kind = characters.next()?;
        let rest = characters.as_str();
        Some(match kind {
            'T' => Self::Thaw,
            'B' => Self::Begun,
            'F' => Self::Frozen(rest.parse().ok()?),
            'L' | 'D' => {
                let (count, complaint) = rest.split_once(' ')?;
                Self::Thawed { count: count.parse().ok()?, by_limit: kind == 'L', complaint: complaint.into() }
            }
            'E' => Self::Failed(rest.into()),
            'N' => Self::Note(rest.into()),
            _ => return None,
        })
    }
}

/// A failure whose text came in a message.
pub fn failure(text: &str, cause: &mut Cause) -> Failure {
    let known = BEGINNINGS.iter().find_map(|beginning| Some((*beginning, text.strip_prefix(beginning)?)));
    let (beginning, rest) = known.unwrap_or(("", text));
    failed_by(beginning, rest, cause)
}

/// Sends a message.
pub(super) fn send(socket: &OwnedFd, message: &Message) -> Result<(), Errno> {
    send_packet(socket, &message.encode(), SendFlags::NOSIGNAL).map(|_| ())
}

/// The next message; `None` when the other side has gone.
pub(super) fn receive(socket: &OwnedFd) -> Result<Option<Message>, Errno> {
    let mut packet = [0; LONGEST];
    let (got, _) = match recv(socket, packet.as_mut_slice(), RecvFlags::empty()) {
        // The other side has gone without reading all. What it said before is still there.
        Err(Errno::CONNRESET) => recv(socket, packet.as_mut_slice(), RecvFlags::empty()),
        outcome => outcome,
    }?;
    match packet.get(..got) {
        Some(packet @ [_, ..]) => Message::decode(packet).map(Some).ok_or(Errno::PROTO),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_all_that_its_message_says() {
        let mut cause = Cause::new();
        let told = failure("failed to freeze /mnt: Input/output error", &mut cause);
        assert_eq!((told.0, cause.as_str()), ("failed to freeze ", "/mnt: Input/output error"));
        let mut cause = Cause::new();
        assert_eq!((failure("anything", &mut cause).0, cause.as_str()), ("", "anything"));
    }

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        for message in [
            Message::Thaw,
            Message::Begun,
            Message::Frozen(7),
            Message::Thawed { count: 3, by_limit: true, complaint: "exit status 3: no space".into() },
            Message::Thawed { count: 0, by_limit: false, complaint: String::new() },
            Message::Failed("failed to freeze /mnt: Input/output error".into()),
            Message::Note(String::new()),
        ] {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
        for packet in [b"".as_slice(), b"x", b"F", b"D", b"Lx y"] {
            assert_eq!(Message::decode(packet), None);
        }
    }
}
