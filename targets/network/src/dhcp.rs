//! A DHCP client (RFC 2131, section 4.4): takes messages and the time, and says what to send.
//!
//! Own code on smoltcp's formats, because smoltcp's client obeys refusals of servers that it has not asked, and at once; it
//! refuses leases without a mask, and does not know classless routes, several routers, and options in other fields. What a server
//! says cannot make this client send more than one message a second on average.

pub(crate) mod lease;
mod message;

use heapless::String;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{DhcpMessageType, EthernetAddress, IpAddress, Ipv4Address};

use self::lease::Lease;
pub(crate) use self::message::{Received, is_for_client};
use self::message::{Request, Sent};
use crate::frame::MAX_FRAME;

/// The longest host name, in bytes.
pub const MAX_HOST_NAME: usize = 64;

/// How long to wait for an answer: at first, and after that twice as long each time (RFC 2131, section 4.1).
/// In milliseconds.
const FIRST_WAIT: u64 = 4000;
const LONGEST_WAIT: u64 = 64_000;
/// By how much a wait may be shorter or longer, by chance.
const JITTER: u64 = 1000;
/// How often a request for an offered address is sent before another offer is sought.
const REQUESTS: u32 = 3;
/// The shortest lease, whatever the server says, and the earliest renewal of one. Other clients have such limits, too.
const SHORTEST_LEASE: u32 = 16;
const EARLIEST_RENEWAL: u32 = 8;
/// How long a lease is of which the server does not say it.
const UNKNOWN_LEASE: u32 = 3600;
/// A lease that never ends (RFC 2131, section 3.3).
const INFINITE: u32 = u32::MAX;
/// The shortest wait for the answer to a renewal (RFC 2131, section 4.4.5).
const RENEW_AGAIN: Duration = Duration::from_secs(60);
/// When a link comes up again: the shortest time between two messages.
const AFTER_LINK: Duration = Duration::from_secs(1);

/// A lease, whose it is, and until when.
#[derive(Debug)]
struct Held {
    lease: Lease,
    server: Ipv4Address,
    /// The hardware address that the lease came from: the server's, or that of a router towards it.
    hardware: EthernetAddress,
    /// When to ask this server to renew it, when to ask any server, and when it ends. `None`: never.
    times: Option<[Instant; 3]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Seeks servers.
    Selecting,
    /// Has chosen an offer, and sent a request so many times.
    Requesting { address: Ipv4Address, server: Ipv4Address, sent: u32 },
    /// Has a lease.
    Bound,
    /// Asks for the lease to be renewed: its server, or any server.
    Renewing { any_server: bool },
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    mac: EthernetAddress,
    host_name: String<MAX_HOST_NAME>,
    random: u64,
    state: State,
    held: Option<Held>,
    /// The number of the last question, which its answers repeat.
    transaction: u32,
    /// How often servers were sought since the last lease.
    sought: u32,
    /// When to send next. `None`: never.
    next: Option<Instant>,
    sent_at: Option<Instant>,
}

impl Client {
    /// A client that begins to seek servers at once. `seed` should differ at each boot.
    pub(crate) fn new(mac: EthernetAddress, host_name: &str, seed: u64) -> Self {
        let mut client = Self {
            mac,
            host_name: String::new(),
            random: seed,
            state: State::Selecting,
            held: None,
            transaction: 0,
            sought: 0,
            next: Some(Instant::ZERO),
            sent_at: None,
        };
        // A longer one is not sent.
        _ = client.host_name.push_str(host_name);
        client
    }

    /// What is leased.
    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.held.as_ref().map(|held| &held.lease)
    }

    /// When there is something to do next. `None`: never, unless a message comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        let end = self.held.as_ref().and_then(|held| held.times).map(|[.., end]| end);
        self.next.into_iter().chain(end).min()
    }

    /// Seeks servers anew, because the network may be another one. The lease stays until there is another one, or it ends.
    pub(crate) fn restart(&mut self, now: Instant) {
        let earliest = self.sent_at.map_or(now, |sent| now.max(sent + AFTER_LINK));
        (self.state, self.sought, self.next) = (State::Selecting, 0, Some(earliest));
    }

    /// Takes a message of a server. Returns whether the lease may have changed.
    pub(crate) fn take(&mut self, message: &Received, now: Instant) -> bool {
        if message.mac != self.mac || message.transaction != self.transaction || self.sent_at.is_none() {
            return false;
        }
        let is_host = |address: Ipv4Address| IpAddress::from(address).is_unicast() && !address.is_loopback();
        let Some(server) = message.server.filter(|&server| is_host(server)) else { return false };
        let asked = match self.state {
            State::Requesting { server, .. } => Some(server),
            State::Renewing { any_server: false } => self.held.as_ref().map(|held| held.server),
            State::Renewing { any_server: true } => Some(server),
            State::Selecting | State::Bound => None,
        };
        match message.kind {
            DhcpMessageType::Offer if self.state == State::Selecting && is_host(message.address) => {
                let state = State::Requesting { address: message.address, server, sent: 0 };
                (self.state, self.next) = (state, Some(now));
                false
            }
            DhcpMessageType::Ack if asked == Some(server) && is_host(message.address) => {
                self.bind(message, server, now);
                true
            }
            DhcpMessageType::Nak if asked == Some(server) => {
                self.held = None;
                self.state = State::Selecting;
                self.sought = self.sought.max(1);
                self.next = Some(now + self.wait(self.sought - 1));
                true
            }
            _ => false,
        }
    }

    fn bind(&mut self, message: &Received, server: Ipv4Address, now: Instant) {
        let seconds = message.seconds.unwrap_or(UNKNOWN_LEASE).max(SHORTEST_LEASE);
        let (renew, rebind) = match (message.renew, message.rebind) {
            (Some(renew), Some(rebind)) if EARLIEST_RENEWAL <= renew && renew < rebind && rebind < seconds => {
                (renew, rebind)
            }
            _ => (seconds / 2, seconds - seconds / 8),
        };
        let times = [renew, rebind, seconds].map(|seconds| now + Duration::from_secs(seconds.into()));
        let times = (seconds != INFINITE).then_some(times);
        self.next = times.map(|[renew, ..]| renew);
        self.held = Some(Held { lease: message.lease(), server, hardware: message.from, times });
        (self.state, self.sought) = (State::Bound, 0);
    }

    /// Does what is due. Writes a frame to send to the beginning of `frame` and returns its length, if there is one. Also returns
    /// whether the lease has ended.
    pub(crate) fn poll(&mut self, now: Instant, frame: &mut [u8; MAX_FRAME]) -> (Option<usize>, bool) {
        let has_ended = self.held.as_ref().and_then(|held| held.times).is_some_and(|[.., end]| end <= now);
        if has_ended {
            self.held = None;
            if self.state != State::Selecting {
                (self.state, self.sought, self.next) = (State::Selecting, 0, Some(now));
            }
        }
        let is_due = self.next.is_some_and(|next| next <= now);
        (if is_due { self.send(now, frame) } else { None }, has_ended)
    }

    fn send(&mut self, now: Instant, frame: &mut [u8; MAX_FRAME]) -> Option<usize> {
        if matches!(self.state, State::Requesting { sent: REQUESTS, .. }) {
            self.state = State::Selecting;
        }
        let request = match &mut self.state {
            State::Selecting => {
                let wait = self.wait(self.sought);
                self.sought = self.sought.saturating_add(1);
                self.transaction = self.random() as u32;
                self.next = Some(now + wait);
                Request::Discover
            }
            State::Requesting { address, server, sent } => {
                let request = Request::Offered { address: *address, server: *server };
                *sent += 1;
                let before = *sent - 1;
                self.next = Some(now + self.wait(before));
                request
            }
            State::Bound | State::Renewing { .. } => {
                self.transaction = self.random() as u32;
                let Held { lease, server, hardware, times } = self.held.as_ref()?;
                let [_, rebind, end] = (*times)?;
                let any_server = rebind <= now;
                let limit = if any_server { end } else { rebind };
                self.next = Some(limit.min(now + ((limit - now) / 2).max(RENEW_AGAIN)));
                self.state = State::Renewing { any_server };
                let server = (!any_server).then_some((*server, *hardware));
                Request::Renewal { address: lease.address.address(), server }
            }
        };
        self.sent_at = Some(now);
        let Self { mac, transaction, host_name, .. } = self;
        Sent { mac: *mac, transaction: *transaction, host_name, request }.write(frame)
    }

    /// How long to wait for an answer to a question that was asked so many times before.
    fn wait(&mut self, before: u32) -> Duration {
        let wait = (FIRST_WAIT << before.min(8)).min(LONGEST_WAIT);
        Duration::from_millis(wait - JITTER + self.random() % (2 * JITTER))
    }

    /// A number that is different each time (SplitMix64).
    const fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
