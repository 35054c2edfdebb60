//! Between a network card and smoltcp: passes frames, and counts them.

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetFrame, EthernetProtocol};

use crate::advertisement;
use crate::dhcp::{self, Received};
use crate::frame::{HEADER, MAX_FRAME, MAX_MTU};
use crate::neighbour::Waiting;
use crate::presence::Presence;

/// A network card. None of its methods waits.
pub trait Card {
    /// Acknowledges the card's interrupt, so that it can raise the next one.
    fn acknowledge(&mut self);

    /// Copies the next received frame to the beginning of `room` and returns its length, or `Err` if the card reports a length
    /// that no frame has. `None` if no frame was received.
    fn receive(&mut self, room: &mut [u8; MAX_FRAME]) -> Option<Result<usize, ()>>;

    /// Whether it may be connected to another network than when this was called last: it was connected again, or the guest has moved
    /// to another host.
    fn take_moved(&mut self) -> bool;

    /// Whether the card can take a frame.
    fn can_send(&mut self) -> bool;

    /// Sends a frame of at most [`MAX_FRAME`] bytes, if the card can take one.
    fn send(&mut self, frame: &[u8]);
}

/// What a card has received and sent. Bytes include Ethernet headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Frames received.
    pub rx_packets: u64,
    /// Frames that came in broken.
    pub rx_errs: u64,
    /// Frames that came in and were dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Frames sent.
    pub tx_packets: u64,
}

/// A card as smoltcp sees it.
#[derive(Debug)]
pub(crate) struct Port<C> {
    pub(crate) card: C,
    pub(crate) statistics: Statistics,
    /// The last message of a DHCP server, if it was not taken yet. smoltcp does not see them.
    pub(crate) message: Option<Received>,
    /// The longest packet to send. Frames are longer by their header.
    pub(crate) mtu: usize,
    /// `None` if IPv6 is not used. smoltcp sees none of its packets then.
    pub(crate) presence: Option<Presence>,
    waiting: Waiting,
    incoming: [u8; MAX_FRAME],
    outgoing: [u8; MAX_FRAME],
}

impl<C> Port<C> {
    pub(crate) fn new(card: C) -> Self {
        Self {
            card,
            statistics: Statistics::default(),
            message: None,
            mtu: MAX_MTU,
            presence: None,
            waiting: Waiting::NONE,
            incoming: [0; MAX_FRAME],
            outgoing: [0; MAX_FRAME],
        }
    }
}

impl<C: Card> Port<C> {
    /// Sends the frame that `write` writes to the beginning of the memory that it is given, and whose length it returns. Does not
    /// call it if the card cannot take a frame.
    pub(crate) fn send(&mut self, write: impl FnOnce(&mut [u8; MAX_FRAME]) -> Option<usize>) {
        if self.card.can_send()
            && let Some(length) = write(&mut self.outgoing)
        {
            self.card.send(self.outgoing.get(..length).unwrap_or_default());
            self.statistics.tx_packets += 1;
            self.statistics.tx_bytes += length as u64;
        }
    }
}

impl<C: Card> Device for Port<C> {
    type RxToken<'a>
        = Incoming<'a>
    where
        C: 'a;
    type TxToken<'a>
        = Outgoing<'a, C>
    where
        C: 'a;

    /// Takes a frame from the card only if the card can send an answer to it.
    fn receive(&mut self, now: Instant) -> Option<(Incoming<'_>, Outgoing<'_, C>)> {
        if !self.card.can_send() {
            return None;
        }
        let counts = &mut self.statistics;
        let frame: &[u8] = if let Some(length) = self.waiting.take(&mut self.incoming) {
            self.incoming.get(..length).unwrap_or_default()
        } else {
            let length = self.card.receive(&mut self.incoming)?;
            match length.ok().and_then(|length| self.incoming.get(..length)) {
                // smoltcp ignores an empty frame.
                None => {
                    counts.rx_errs += 1;
                    &[]
                }
                Some(frame) => {
                    counts.rx_packets += 1;
                    counts.rx_bytes += frame.len() as u64;
                    self.waiting.received(frame);
                    let taken = match &mut self.presence {
                        Some(presence) => presence.heard(frame, now),
                        None => is_v6(frame),
                    };
                    if advertisement::is_impossible(frame) {
                        counts.rx_dropped += 1;
                        &[]
                    } else if taken {
                        &[]
                    } else if dhcp::is_for_client(frame) {
                        self.message = Received::parse(frame);
                        &[]
                    } else {
                        frame
                    }
                }
            }
        };
        let answer = Some((frame, &mut self.waiting));
        let outgoing = Outgoing { card: &mut self.card, room: &mut self.outgoing, counts, mtu: self.mtu, answer };
        Some((Incoming(frame), outgoing))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_, C>> {
        let Self { card, statistics, outgoing, mtu, .. } = self;
        card.can_send().then_some(Outgoing { card, room: outgoing, counts: statistics, mtu: *mtu, answer: None })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }
}

fn is_v6(frame: &[u8]) -> bool {
    EthernetFrame::new_checked(frame).is_ok_and(|frame| frame.ethertype() == EthernetProtocol::Ipv6)
}

/// A received frame.
pub(crate) struct Incoming<'a>(&'a [u8]);

impl phy::RxToken for Incoming<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Memory for a frame to send.
pub(crate) struct Outgoing<'a, C> {
    card: &'a mut C,
    room: &'a mut [u8; MAX_FRAME],
    counts: &'a mut Statistics,
    mtu: usize,
    /// The frame that it answers, if it does.
    answer: Option<(&'a [u8], &'a mut Waiting)>,
}

impl<C: Card> phy::TxToken for Outgoing<'_, C> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        // smoltcp asks for no more than `capabilities` allows.
        let frame = &mut self.room[..length];
        let result = f(frame);
        if let Some((asked, waiting)) = self.answer {
            waiting.answered(asked, frame);
        }
        // The answer to a ping that is longer than the network's packets.
        if length > HEADER + self.mtu {
            return result;
        }
        self.card.send(frame);
        self.counts.tx_packets += 1;
        self.counts.tx_bytes += length as u64;
        result
    }
}
