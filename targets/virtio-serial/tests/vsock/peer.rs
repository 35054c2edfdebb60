//! Peers on the host that keep the rules, and check that the driver does.

use std::collections::BTreeMap;

use crate::packet::*;
use crate::wire::{Host, PORT};

/// All peers of a test, by their ports.
#[derive(Default)]
pub struct Peers(BTreeMap<u32, Peer>);

/// One end of a connection.
#[derive(Debug, Default)]
pub struct Peer {
    pub state: State,
    /// What it has received, and how much of that it has taken out of its window.
    pub received: Vec<u8>,
    pub taken: u32,
    pub window: u32,
    pub sent: u32,
    pub guest_taken: u32,
    pub guest_window: u32,
    /// How often it was asked for its credit, and was told the guest's.
    pub asked: usize,
    pub told: usize,
    pub sends_no_more: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum State {
    #[default]
    Connecting,
    Open,
    /// It has said SHUTDOWN of both, and waits for RST.
    Leaving,
    /// The driver has sent RST.
    Ended,
    /// The driver has sent SHUTDOWN, and was answered with RST.
    EndedByGuest,
}

impl Peers {
    pub fn of(&mut self, port: u32) -> &mut Peer {
        self.0.get_mut(&port).expect("the test has made this peer")
    }

    pub fn connect(&mut self, host: &Host, port: u32, window: u32) {
        self.0.insert(port, Peer { window, ..Peer::default() });
        self.say(host, port, REQUEST, 0, &[]);
    }

    pub fn say(&mut self, host: &Host, port: u32, operation: u16, flags: u32, data: &[u8]) {
        let peer = self.of(port);
        peer.sent = peer.sent.wrapping_add(data.len() as u32);
        let packet = packet(host, port, peer, operation, flags, data);
        host.device().send(&packet);
    }

    /// Sends as much as the guest's credit allows, in packets that fit. Returns the number of bytes.
    pub fn write(&mut self, host: &Host, port: u32, bytes: &[u8]) -> usize {
        let count = self.of(port).credit().min(bytes.len());
        for piece in bytes[..count].chunks(3000) {
            self.say(host, port, RW, 0, piece);
        }
        count
    }

    /// Takes bytes out of its window, and tells that.
    pub fn take(&mut self, host: &Host, port: u32) {
        let peer = self.of(port);
        peer.taken = peer.received.len() as u32;
        self.say(host, port, CREDIT_UPDATE, 0, &[]);
    }

    /// Sends no more.
    pub fn half_close(&mut self, host: &Host, port: u32) {
        self.of(port).sends_no_more = true;
        self.say(host, port, SHUTDOWN, SENDS_NO_MORE, &[]);
    }

    /// Leaves politely: it goes when it has a RST.
    pub fn leave(&mut self, host: &Host, port: u32) {
        self.say(host, port, SHUTDOWN, SENDS_NO_MORE | RECEIVES_NO_MORE, &[]);
        self.of(port).state = State::Leaving;
    }

    /// Leaves at once.
    pub fn vanish(&mut self, host: &Host, port: u32) {
        self.say(host, port, RST, 0, &[]);
        self.0.remove(&port);
    }

    /// Handles what the driver has sent.
    pub fn listen(&mut self, host: &Host) {
        loop {
            let said = host.device().from_guest.pop_front();
            let Some(said) = said else { return };
            let guest = host.device().cid;
            assert_eq!((said.from, said.to.0, said.kind), ((guest, PORT), HOST, STREAM));
            // A peer that has vanished may still be spoken to.
            let Some(peer) = self.0.get_mut(&said.to.1) else { continue };
            if said.operation != RST {
                (peer.guest_taken, peer.guest_window) = (said.taken, said.window);
            }
            assert!(said.operation == RW || said.data.is_empty());
            match said.operation {
                RESPONSE => {
                    assert_eq!(peer.state, State::Connecting);
                    peer.state = State::Open;
                }
                // A second one answers what it has sent before it knew of the first.
                RST if peer.state == State::EndedByGuest => {}
                RST => peer.state = State::Ended,
                SHUTDOWN => {
                    assert!(matches!(peer.state, State::Open | State::Leaving), "{:?}", peer.state);
                    assert_eq!(said.flags, SENDS_NO_MORE | RECEIVES_NO_MORE);
                    self.say(host, said.to.1, RST, 0, &[]);
                    self.of(said.to.1).state = State::EndedByGuest;
                }
                RW => {
                    assert!(matches!(peer.state, State::Open | State::Leaving), "{:?}", peer.state);
                    peer.received.extend(said.data);
                    let unread = (peer.received.len() as u32).wrapping_sub(peer.taken);
                    assert!(unread <= peer.window, "more than the credit allows (5.10.6.3)");
                }
                CREDIT_UPDATE => peer.told += 1,
                CREDIT_REQUEST => {
                    peer.asked += 1;
                    self.say(host, said.to.1, CREDIT_UPDATE, 0, &[]);
                }
                other => panic!("the driver sent operation {other}"),
            }
        }
    }
}

impl Peer {
    pub fn credit(&self) -> usize {
        (self.guest_window - self.sent.wrapping_sub(self.guest_taken)) as usize
    }
}

/// A packet of a peer.
pub fn packet(host: &Host, port: u32, peer: &Peer, operation: u16, flags: u32, data: &[u8]) -> Packet {
    let to = (host.device().cid, PORT);
    let (window, taken) = (peer.window, peer.taken);
    Packet { from: (HOST, port), to, kind: STREAM, operation, flags, window, taken, data: data.to_vec() }
}
