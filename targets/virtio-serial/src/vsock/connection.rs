//! The state of one connection: its peer, the credit of both sides, and what the peer must still be told.

use super::packet::{Header, Operation, Peer, SHUTDOWN_BOTH, SHUTDOWN_RECEIVE, SHUTDOWN_SEND, STREAM};
use super::window::Window;

/// A place for a connection, taken or not.
pub(crate) struct Connection<'m> {
    state: State,
    peer: Peer,
    window: Window<'m>,
    /// What the peer has said so far that it will not do any more: flags of SHUTDOWN.
    ended: u32,
    /// Number of bytes that were read out of the window. It wraps, as all such numbers do.
    taken: u32,
    /// The same, as far as the peer knows.
    told: u32,
    /// Number of bytes that were sent.
    sent: u32,
    /// Number of these that the peer has taken, and the size of its buffer.
    peer_taken: u32,
    peer_window: u32,
    /// The peer was asked for credit, and has not granted any since.
    has_asked: bool,
    /// The peer has asked for credit, and was not sent a CREDIT_UPDATE since. It may wait for just that, whatever other packets tell:
    /// vhost-device-vsock 0.3 does.
    is_asked: bool,
    owed: Owed,
    is_new: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nobody is here.
    Free,
    Open,
    /// The peer was told, or will be, that nothing more comes, and it must answer with RST.
    Closing,
    /// The peer has left, and what it sent is not all read. The driver knows no connection of that peer any more.
    Left,
}

/// Packets without data that the peer must still be sent: a bit for each of [`OWED`], in which order they are sent.
type Owed = u8;
const RESET: Owed = 1 << 0;
const RESPONSE: Owed = 1 << 1;
const SHUTDOWN: Owed = 1 << 2;
const CREDIT_REQUEST: Owed = 1 << 3;
const CREDIT: Owed = 1 << 4;

/// The operations of these packets, and their flags.
const OWED: [(Operation, u32); 5] = [
    (Operation::RESET, 0),
    (Operation::RESPONSE, 0),
    (Operation::SHUTDOWN, SHUTDOWN_BOTH),
    (Operation::CREDIT_REQUEST, 0),
    (Operation::CREDIT_UPDATE, 0),
];

impl<'m> Connection<'m> {
    pub(crate) const fn new(window: Window<'m>) -> Self {
        Self {
            state: State::Free,
            peer: Peer { cid: 0, port: 0 },
            window,
            ended: 0,
            taken: 0,
            told: 0,
            sent: 0,
            peer_taken: 0,
            peer_window: 0,
            has_asked: false,
            is_asked: false,
            owed: 0,
            is_new: false,
        }
    }

    /// Whether a new peer can have the place.
    pub(crate) fn is_free(&self) -> bool {
        self.state == State::Free && self.owed == 0
    }

    /// The peer, if all that is left to do is to wait until it has left.
    pub(crate) fn closing(&self) -> Option<Peer> {
        (self.state == State::Closing).then_some(self.peer)
    }

    /// Whether packets of this peer belong here.
    pub(crate) fn is_of(&self, peer: Peer) -> bool {
        matches!(self.state, State::Open | State::Closing) && self.peer == peer
    }

    /// Whether the peer is there, as far as it has said.
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether the peer has left, and what it sent may not all be done.
    pub(crate) fn has_left(&self) -> bool {
        self.state == State::Left
    }

    /// Whether what is written is dropped, because nobody receives it.
    pub(crate) fn drops_bytes(&self) -> bool {
        self.state != State::Open || self.ended & SHUTDOWN_RECEIVE != 0
    }

    /// Whether there may come more to read.
    pub(crate) fn may_receive(&self) -> bool {
        self.state == State::Open && self.ended & SHUTDOWN_SEND == 0
    }

    /// Returns once whether the peer is another one than before.
    pub(crate) fn take_new(&mut self) -> bool {
        core::mem::take(&mut self.is_new)
    }

    /// Begins a connection with the peer that has sent this request.
    pub(crate) fn accept(&mut self, request: &Header) {
        self.state = State::Open;
        self.peer = request.peer;
        self.is_new = true;
        (self.has_asked, self.is_asked) = (false, false);
        self.owed = RESPONSE;
        (self.ended, self.taken, self.told, self.sent) = (0, 0, 0, 0);
        self.note_credit(request);
    }

    /// A new connection of this peer must not be ended by the RST that an old one is owed.
    pub(crate) fn forget_reset(&mut self, peer: Peer) {
        if self.peer == peer {
            self.owed &= !RESET;
        }
    }

    /// Handles a packet of the peer, but for its data, for which it had `length` bytes. Returns whether they must be stored.
    pub(crate) fn handle(&mut self, header: &Header, length: usize) -> bool {
        self.note_credit(header);
        match header.operation {
            Operation::CREDIT_UPDATE => {}
            // vhost-device-vsock 0.3 says INVALID when it cannot read from the host's end, for example because the host has left before it
            // had read all. It looks there again only when it is told of credit. A peer without credit would ask again as soon as it is
            // answered, so it is told when there is room.
            Operation::INVALID | Operation::CREDIT_REQUEST => {
                self.is_asked = true;
                if self.window.room() > 0 {
                    self.owed |= CREDIT;
                }
            }
            Operation::RESET => self.leave(),
            Operation::SHUTDOWN => {
                self.ended |= header.flags & SHUTDOWN_BOTH;
                if self.ended == SHUTDOWN_BOTH {
                    self.reset();
                }
            }
            Operation::DATA if self.state == State::Closing => {}
            Operation::DATA if self.may_receive() && header.length as usize <= length.min(self.window.room()) => {
                return true;
            }
            // A packet that makes no sense, or more than the credit allows.
            _ => self.reset(),
        }
        false
    }

    fn note_credit(&mut self, header: &Header) {
        (self.peer_taken, self.peer_window) = (header.taken, header.window);
        self.has_asked &= self.credit() == 0;
    }

    /// How many bytes the peer has room for. None if it says what cannot be.
    fn credit(&self) -> u32 {
        self.peer_window.saturating_sub(self.sent.wrapping_sub(self.peer_taken))
    }

    /// Ends the connection, and owes the peer a RST.
    pub(crate) fn reset(&mut self) {
        self.leave();
        self.owed = RESET;
    }

    /// The peer has left. What it sent can still be read.
    pub(crate) fn leave(&mut self) {
        self.owed = 0;
        self.state = match self.state {
            State::Open | State::Left => State::Left,
            State::Closing | State::Free => State::Free,
        };
    }

    /// All that was received is read, answered and sent, as far as the caller knows. Ends what has only waited for that.
    pub(crate) fn finish(&mut self) {
        if !self.window.is_empty() {
            return;
        }
        if self.state == State::Left {
            self.state = State::Free;
        } else if self.state == State::Open && self.ended & SHUTDOWN_SEND != 0 {
            self.state = State::Closing;
            self.owed |= SHUTDOWN;
        }
    }

    /// The window in which the data of a packet must be stored.
    pub(crate) const fn window(&mut self) -> &mut Window<'m> {
        &mut self.window
    }

    pub(crate) const fn can_read(&self) -> bool {
        !self.window.is_empty()
    }

    /// Moves received bytes to `bytes`. Returns their number.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> usize {
        let count = self.window.read(bytes);
        self.taken = self.taken.wrapping_add(count as u32);
        // A peer that has less than half of the window left may wait soon.
        let untold = if self.is_asked { self.window.room() as u32 } else { self.taken.wrapping_sub(self.told) };
        if self.may_receive() && untold >= self.window.size().div_ceil(2) {
            self.owed |= CREDIT;
        }
        count
    }

    /// How many bytes may be sent now. Asks the peer for credit if it has granted none.
    pub(crate) fn may_send(&mut self) -> usize {
        let credit = self.credit();
        if credit == 0 && !self.has_asked {
            self.has_asked = true;
            self.owed |= CREDIT_REQUEST;
        }
        credit as usize
    }

    /// The header of a packet with `length` bytes of data, which is sent at once.
    pub(crate) fn data(&mut self, own: Peer, length: usize) -> Header {
        self.sent = self.sent.wrapping_add(length as u32);
        Header { length: length as u32, ..self.header(own, Operation::DATA) }
    }

    /// The next packet without data that the peer must be sent.
    pub(crate) fn next_owed(&mut self, own: Peer) -> Option<Header> {
        let next = self.owed.trailing_zeros();
        let &(operation, flags) = OWED.get(next as usize)?;
        self.owed &= !(1 << next);
        self.is_asked &= operation != Operation::CREDIT_UPDATE;
        Some(Header { flags, ..self.header(own, operation) })
    }

    /// Whether the peer must be sent such a packet.
    pub(crate) const fn owes(&self) -> bool {
        self.owed != 0
    }

    fn header(&mut self, own: Peer, operation: Operation) -> Header {
        // Every packet tells the credit.
        self.told = self.taken;
        if !self.is_asked {
            self.owed &= !CREDIT;
        }
        Header {
            peer: self.peer,
            own,
            length: 0,
            kind: STREAM,
            operation,
            flags: 0,
            window: self.window.size(),
            taken: self.taken,
        }
    }
}
