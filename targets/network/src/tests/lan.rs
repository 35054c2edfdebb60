//! The network around a link under test: a cable, the time, and frames made from smoltcp's representations.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::boxed::Box;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::vec::Vec;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpMessageType, DhcpPacket, DhcpRepr,
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr,
    IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr, UdpPacket, UdpRepr,
};

use crate::{Card, Link, MAX_FRAME, Method};

pub const MAC: [u8; 6] = [0x52, 0x54, 0, 0, 0, 2];
/// The link-local address of a link with this hardware address.
pub const LINK_LOCAL: &str = "fe80::5054:ff:fe00:2/64";

pub const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub const LEASED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 15);
const ROUTER_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);

/// Both directions of a cable with a card at its end.
#[derive(Default)]
pub struct Cable {
    pub to_link: VecDeque<Vec<u8>>,
    pub from_link: VecDeque<Vec<u8>>,
    /// How many frames the card has no room for before it takes one.
    pub full: bool,
    /// Whether the card was connected to another network.
    pub has_moved: bool,
}

pub struct End(Rc<RefCell<Cable>>);

impl Card for End {
    fn acknowledge(&mut self) {}

    fn receive(&mut self, room: &mut [u8; MAX_FRAME]) -> Option<Result<usize, ()>> {
        let frame = self.0.borrow_mut().to_link.pop_front()?;
        Some(room.get_mut(..frame.len()).ok_or(()).map(|room| {
            room.copy_from_slice(&frame);
            frame.len()
        }))
    }

    fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.0.borrow_mut().has_moved)
    }

    fn can_send(&mut self) -> bool {
        !self.0.borrow().full
    }

    fn send(&mut self, frame: &[u8]) {
        self.0.borrow_mut().from_link.push_back(frame.to_vec());
    }
}

/// A DHCP server. It has the router's address, unless it claims another.
#[derive(Clone, Copy)]
pub struct Server {
    pub seconds: u32,
    pub says_it_is: Ipv4Addr,
    pub router: Option<Ipv4Addr>,
}

impl Default for Server {
    fn default() -> Self {
        Self { seconds: 1000, says_it_is: ROUTER, router: Some(ROUTER) }
    }
}

/// What a client has asked, and when.
#[derive(Clone, Debug)]
pub struct Asked {
    pub at: Instant,
    pub kind: DhcpMessageType,
    pub transaction: u32,
    pub to: Ipv4Addr,
    /// The client's own address, if it has one.
    pub client: Ipv4Addr,
    pub options: Vec<(u8, Vec<u8>)>,
}

impl Asked {
    pub fn option(&self, kind: u8) -> Option<&[u8]> {
        self.options.iter().find(|option| option.0 == kind).map(|option| &option.1[..])
    }
}

/// Frames that answer a question, in place of the simple server.
pub type Script = Box<dyn FnMut(&Asked) -> Vec<Vec<u8>>>;

/// What becomes of a frame on a bad network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    Lost,
    Twice,
    /// It arrives after the next one.
    Late,
}

/// A network that has a fate for each frame, in turn.
#[derive(Default)]
pub struct Fates {
    /// Without any, all arrive.
    pub all: Vec<Fate>,
    next: usize,
    late: Vec<Vec<u8>>,
}

impl Fates {
    /// What arrives of these frames, and in which order.
    fn meet(&mut self, frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut arrived = Vec::new();
        for frame in frames {
            let fate = self.all.get(self.next).copied().unwrap_or(Fate::Arrives);
            self.next = (self.next + 1) % self.all.len().max(1);
            match fate {
                Fate::Arrives => arrived.push(frame),
                Fate::Lost => {}
                Fate::Twice => arrived.extend([frame.clone(), frame]),
                Fate::Late => {
                    self.late.push(frame);
                    continue;
                }
            }
            arrived.append(&mut self.late);
        }
        arrived
    }
}

/// A link, its network, and the time.
pub struct Lan {
    pub link: Link<End>,
    pub cable: Rc<RefCell<Cable>>,
    pub server: Option<Server>,
    pub script: Option<Script>,
    /// What becomes of the server's frames and of those to it.
    pub fates: [Fates; 2],
    /// What was asked, if there is a script.
    pub asked: Vec<Asked>,
    /// How often the link was polled.
    pub polls: u32,
    pub now: Instant,
}

impl Lan {
    pub fn new(methods: &[Method]) -> Self {
        let cable = Rc::new(RefCell::new(Cable::default()));
        let link = Link::new(End(cable.clone()), MAC, 1, methods, "a-guest");
        Self {
            link,
            cable,
            server: None,
            script: None,
            fates: Default::default(),
            asked: Vec::new(),
            polls: 0,
            now: Instant::ZERO,
        }
    }

    /// Runs the link for so many seconds as the appliance's main loop does: polls it, and sleeps as long as it says.
    pub fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        let mut restless = 0;
        loop {
            self.polls += 1;
            let mut busy = self.link.poll(self.now);
            self.answer();
            // A poll that is due at once still takes some time.
            self.now += Duration::from_millis(1);
            busy |= !self.cable.borrow().to_link.is_empty() && !self.cable.borrow().full;
            // A server could keep the link busy for ever.
            if self.now > end + Duration::from_secs(1) {
                break;
            }
            if !busy {
                let idle = self.link.idle(self.now);
                // Something may have become due while it was polled, but it is done by the next poll.
                restless = if idle == Some(Duration::ZERO) { restless + 1 } else { 0 };
                assert!(restless < 3, "a link with nothing to do can sleep");
                match idle {
                    Some(idle) if self.now + idle <= end => self.now += idle,
                    _ => break,
                }
            }
        }
        self.now = self.now.max(end);
    }

    /// Sends the link a frame and polls it.
    pub fn send(&mut self, frame: Vec<u8>) {
        self.cable.borrow_mut().to_link.push_back(frame);
        self.pass(0);
    }

    /// The frames that the link has sent since the last call.
    pub fn sent(&mut self) -> Vec<Vec<u8>> {
        self.cable.borrow_mut().from_link.drain(..).collect()
    }

    /// The link's addresses, as text.
    pub fn addresses(&self) -> Vec<std::string::String> {
        let all = (0..).map_while(|index| self.link.address(index));
        all.map(|address| std::format!("{}/{}", address.address(), address.prefix_len())).collect()
    }

    /// The routers that the link has routes through, as text.
    pub fn gateways(&mut self) -> Vec<std::string::String> {
        let all: Vec<_> = (0..).map_while(|index| self.link.route(index).ok()).collect();
        all.iter().filter_map(|route| Some(std::format!("{}", route.gateway?))).collect()
    }

    /// Answers what ARP and DHCP ask, if there is a server.
    fn answer(&mut self) {
        if let Some(script) = &mut self.script {
            let asked =
                self.cable.borrow().from_link.iter().filter_map(|frame| asked(frame, self.now)).collect::<Vec<_>>();
            self.cable.borrow_mut().from_link.clear();
            let answers = asked.iter().flat_map(script).collect::<Vec<_>>();
            self.cable.borrow_mut().to_link.extend(answers);
            self.asked.extend(asked);
            return;
        }
        let Some(server) = self.server else { return };
        let [to_link, from_link] = &mut self.fates;
        let frames = from_link.meet(self.cable.borrow_mut().from_link.drain(..).collect());
        let answers = frames.iter().filter_map(|frame| arp_answer(frame).or_else(|| dhcp_answer(frame, server)));
        self.cable.borrow_mut().to_link.extend(to_link.meet(answers.collect()));
    }
}

/// A frame to the link with a payload of `length` bytes.
fn frame(ethertype: EthernetProtocol, length: usize, fill: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = std::vec![0; EthernetFrame::<&[u8]>::buffer_len(length)];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    EthernetRepr { src_addr: ROUTER_MAC, dst_addr: EthernetAddress(MAC), ethertype }.emit(&mut frame);
    fill(frame.payload_mut());
    bytes
}

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: IpProtocol, length: usize, fill: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let ip = Ipv4Repr { src_addr: from, dst_addr: to, next_header: protocol, payload_len: length, hop_limit: 64 };
    frame(EthernetProtocol::Ipv4, ip.buffer_len() + length, |bytes| {
        let mut packet = Ipv4Packet::new_unchecked(bytes);
        ip.emit(&mut packet, &ChecksumCapabilities::default());
        fill(packet.payload_mut());
    })
}

/// An ICMPv6 packet behind a hop-by-hop options header of so many bytes: 0, or a multiple of 8.
pub fn icmpv6(from: Ipv6Addr, to: Ipv6Addr, icmp: &Icmpv6Repr<'_>, options: usize) -> Vec<u8> {
    let length = options + icmp.buffer_len();
    let next_header = if options > 0 { IpProtocol::HopByHop } else { IpProtocol::Icmpv6 };
    let ip = Ipv6Repr { src_addr: from, dst_addr: to, next_header, payload_len: length, hop_limit: 255 };
    frame(EthernetProtocol::Ipv6, ip.buffer_len() + length, |bytes| {
        let mut packet = Ipv6Packet::new_unchecked(bytes);
        ip.emit(&mut packet);
        let (before, after) = packet.payload_mut().split_at_mut(options);
        if let [next, eights, pad, padding, ..] = before {
            // The rest is padding (RFC 8200, 4.2).
            (*next, *eights, *pad, *padding) = (58, (options / 8 - 1) as u8, 1, options as u8 - 4);
        }
        icmp.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(after), &ChecksumCapabilities::default());
    })
}

pub fn icmpv4(from: Ipv4Addr, to: Ipv4Addr, icmp: &Icmpv4Repr<'_>) -> Vec<u8> {
    ipv4(from, to, IpProtocol::Icmp, icmp.buffer_len(), |bytes| {
        icmp.emit(&mut Icmpv4Packet::new_unchecked(bytes), &ChecksumCapabilities::default());
    })
}

pub fn arp(operation: ArpOperation, from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let arp = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: ROUTER_MAC,
        source_protocol_addr: from,
        target_hardware_addr: EthernetAddress(MAC),
        target_protocol_addr: to,
    };
    frame(EthernetProtocol::Arp, arp.buffer_len(), |bytes| arp.emit(&mut ArpPacket::new_unchecked(bytes)))
}

fn arp_answer(asked: &[u8]) -> Option<Vec<u8>> {
    let frame = EthernetFrame::new_checked(asked).ok()?;
    let packet = ArpPacket::new_checked(frame.payload()).ok().filter(|_| frame.ethertype() == EthernetProtocol::Arp)?;
    let ArpRepr::EthernetIpv4 { source_protocol_addr, target_protocol_addr, .. } = ArpRepr::parse(&packet).ok()? else {
        return None;
    };
    (target_protocol_addr == ROUTER).then(|| arp(ArpOperation::Reply, ROUTER, source_protocol_addr))
}

fn dhcp_answer(asked: &[u8], server: Server) -> Option<Vec<u8>> {
    let asked = dhcp(asked)?;
    let answer = DhcpRepr {
        message_type: match asked {
            (DhcpMessageType::Discover, ..) => DhcpMessageType::Offer,
            _ => DhcpMessageType::Ack,
        },
        transaction_id: asked.1,
        secs: 0,
        client_hardware_address: EthernetAddress(MAC),
        client_ip: Ipv4Addr::UNSPECIFIED,
        your_ip: LEASED,
        server_ip: server.says_it_is,
        router: server.router,
        subnet_mask: Some(Ipv4Addr::new(255, 255, 255, 0)),
        relay_agent_ip: Ipv4Addr::UNSPECIFIED,
        broadcast: false,
        requested_ip: None,
        client_identifier: None,
        server_identifier: Some(server.says_it_is),
        parameter_request_list: None,
        dns_servers: None,
        max_size: None,
        lease_duration: Some(server.seconds),
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    };
    let udp = UdpRepr { src_port: DHCP_SERVER_PORT, dst_port: DHCP_CLIENT_PORT };
    let (from, to) = (server.says_it_is, LEASED);
    let length = answer.buffer_len();
    Some(ipv4(from, to, IpProtocol::Udp, udp.header_len() + length, |bytes| {
        let mut packet = UdpPacket::new_unchecked(bytes);
        let fill = |bytes: &mut [u8]| answer.emit(&mut DhcpPacket::new_unchecked(bytes)).unwrap();
        udp.emit(&mut packet, &from.into(), &to.into(), length, fill, &ChecksumCapabilities::default());
    }))
}

/// A server's message: its kind, the question's number, the address, and options. `fields` has options, too: those for the boot
/// file and for the server's name.
pub fn reply(
    kind: DhcpMessageType,
    transaction: u32,
    address: Ipv4Addr,
    options: &[(u8, &[u8])],
    fields: [&[(u8, &[u8])]; 2],
) -> Vec<u8> {
    let write = |options: &[(u8, &[u8])]| {
        let mut bytes =
            options.iter().flat_map(|(kind, data)| [&[*kind, data.len() as u8][..], data].concat()).collect::<Vec<_>>();
        bytes.push(255);
        bytes
    };
    let mut message = std::vec![0; 240];
    (message[0], message[1], message[2]) = (2, 1, 6);
    message[4..8].copy_from_slice(&transaction.to_be_bytes());
    message[16..20].copy_from_slice(&address.octets());
    message[28..34].copy_from_slice(&MAC);
    for (start, field) in [(108, fields[0]), (44, fields[1])] {
        let bytes = write(field);
        message[start..start + bytes.len()].copy_from_slice(&bytes);
    }
    message[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    let kind = [(53, &[u8::from(kind)][..])];
    message.extend(write(&[&kind[..], options].concat()));
    let (from, to) = (ROUTER, address);
    let udp = UdpRepr { src_port: DHCP_SERVER_PORT, dst_port: DHCP_CLIENT_PORT };
    let length = message.len();
    ipv4(from, to, IpProtocol::Udp, udp.header_len() + length, |bytes| {
        let mut packet = UdpPacket::new_unchecked(bytes);
        let fill = |bytes: &mut [u8]| bytes.copy_from_slice(&message);
        udp.emit(&mut packet, &from.into(), &to.into(), length, fill, &ChecksumCapabilities::default());
    })
}

fn asked(frame: &[u8], at: Instant) -> Option<Asked> {
    let (kind, transaction, to) = dhcp(frame)?;
    let message = DhcpPacket::new_checked(&frame[14 + 20 + 8..]).unwrap();
    let options = message.options().map(|option| (option.kind, option.data.to_vec())).collect();
    Some(Asked { at, kind, transaction, to, client: message.client_ip(), options })
}

/// The DHCP message in a frame from the link: the message, its transaction id, and its destination.
pub fn dhcp(frame: &[u8]) -> Option<(DhcpMessageType, u32, Ipv4Addr)> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let packet =
        Ipv4Packet::new_checked(frame.payload()).ok().filter(|_| frame.ethertype() == EthernetProtocol::Ipv4)?;
    let udp = UdpPacket::new_checked(packet.payload()).ok().filter(|_| packet.next_header() == IpProtocol::Udp)?;
    let message = DhcpPacket::new_checked(udp.payload()).ok().filter(|_| udp.dst_port() == DHCP_SERVER_PORT)?;
    let message = DhcpRepr::parse(&message).ok()?;
    Some((message.message_type, message.transaction_id, packet.dst_addr()))
}
