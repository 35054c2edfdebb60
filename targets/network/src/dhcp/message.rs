//! Messages of DHCP: reads those of servers, and writes those of the client.

use heapless::Vec;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpMessageType, DhcpOption, DhcpPacket, DhcpRepr, EthernetAddress,
    EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol, Ipv4Address, Ipv4Cidr, Ipv4Packet, Ipv4Repr,
    UdpPacket, UdpRepr,
};

use super::lease::{Lease, MAX_ROUTES};
use crate::frame::MAX_FRAME;

// Numbers of options (RFC 2132, RFC 3442).
const PADDING: u8 = 0;
const MASK: u8 = 1;
const ROUTERS: u8 = 3;
const HOST_NAME: u8 = 12;
const MTU: u8 = 26;
const LEASE_TIME: u8 = 51;
const OVERLOAD: u8 = 52;
const MESSAGE_TYPE: u8 = 53;
const SERVER: u8 = 54;
const RENEWAL_TIME: u8 = 58;
const REBINDING_TIME: u8 = 59;
const CLASSLESS_ROUTES: u8 = 121;
const END: u8 = 255;

/// What servers are asked for. Classless routes come before routers (RFC 3442).
const WANTED: &[u8] = &[MASK, CLASSLESS_ROUTES, ROUTERS, MTU, LEASE_TIME, RENEWAL_TIME, REBINDING_TIME];
/// Fields of a message that may have options: the server's name, the boot file, and the options' own field (RFC 2131, figure 1).
const SERVER_NAME: core::ops::Range<usize> = 44..108;
const BOOT_FILE: core::ops::Range<usize> = 108..236;
const OPTIONS: core::ops::RangeFrom<usize> = 240..;
const MAGIC: u32 = 0x6382_5363;
/// The smallest MTU of IPv4 (RFC 2132, section 5.1).
const SMALLEST_MTU: u16 = 68;
/// The longest message that the client takes, with its headers.
const LONGEST: u16 = 1500;
const DEFAULT_ROUTE: Ipv4Cidr = Ipv4Cidr::new(Ipv4Address::UNSPECIFIED, 0);

/// A message of a server.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) kind: DhcpMessageType,
    pub(crate) transaction: u32,
    /// The client that it is for.
    pub(crate) mac: EthernetAddress,
    /// Who sent the frame.
    pub(crate) from: EthernetAddress,
    pub(crate) server: Option<Ipv4Address>,
    pub(crate) address: Ipv4Address,
    mask: Option<Ipv4Address>,
    router: Option<Ipv4Address>,
    routes: Option<Vec<(Ipv4Cidr, Ipv4Address), MAX_ROUTES>>,
    mtu: Option<u16>,
    pub(crate) seconds: Option<u32>,
    pub(crate) renew: Option<u32>,
    pub(crate) rebind: Option<u32>,
}

/// Whether a frame has a message of a DHCP server to a client.
pub(crate) fn is_for_client(frame: &[u8]) -> bool {
    payload(frame).is_some()
}

/// The message in a frame. Its checksum is not looked at: hosts leave it to hardware that is not there.
fn payload(frame: &[u8]) -> Option<&[u8]> {
    let frame = EthernetFrame::new_checked(frame).ok().filter(|frame| frame.ethertype() == EthernetProtocol::Ipv4)?;
    let packet = Ipv4Packet::new_checked(frame.payload()).ok().filter(|packet| {
        packet.next_header() == IpProtocol::Udp && !packet.more_frags() && packet.frag_offset() == 0
    })?;
    let datagram = UdpPacket::new_checked(packet.payload()).ok()?;
    let is_it = datagram.src_port() == DHCP_SERVER_PORT && datagram.dst_port() == DHCP_CLIENT_PORT;
    is_it.then(|| datagram.payload())
}

impl Received {
    /// Reads the message in a frame. `None` if there is none, or a malformed one.
    pub(crate) fn parse(frame: &[u8]) -> Option<Self> {
        let raw = payload(frame)?;
        let message = DhcpPacket::new_checked(raw).ok().filter(|message| message.magic_number() == MAGIC)?;
        let mut received = Self {
            kind: DhcpMessageType::Unknown(0),
            transaction: message.transaction_id(),
            mac: message.client_hardware_address(),
            from: EthernetFrame::new_checked(frame).ok()?.src_addr(),
            server: None,
            address: message.your_ip(),
            mask: None,
            router: None,
            routes: None,
            mtu: None,
            seconds: None,
            renew: None,
            rebind: None,
        };
        let mut overload = 0;
        for (kind, data) in options(raw.get(OPTIONS)?) {
            match (kind, data) {
                (OVERLOAD, &[fields]) => overload = fields,
                _ => received.note(kind, data),
            }
        }
        for (bit, field) in [(1, BOOT_FILE), (2, SERVER_NAME)] {
            if overload & bit != 0 {
                options(raw.get(field)?).for_each(|(kind, data)| received.note(kind, data));
            }
        }
        Some(received)
    }

    fn note(&mut self, kind: u8, data: &[u8]) {
        match kind {
            MESSAGE_TYPE => self.kind = data.first().map_or(self.kind, |&kind| kind.into()),
            SERVER => self.server = address(data),
            MASK => self.mask = address(data),
            // Of several, the first is preferred (RFC 2132, section 3.5).
            ROUTERS => self.router = address(data),
            MTU => self.mtu = data.first_chunk().map(|raw| u16::from_be_bytes(*raw)),
            LEASE_TIME => self.seconds = number(data),
            RENEWAL_TIME => self.renew = number(data),
            REBINDING_TIME => self.rebind = number(data),
            CLASSLESS_ROUTES => self.routes = Some(classless_routes(data)),
            _ => {}
        }
    }

    /// What the message leases.
    pub(crate) fn lease(&self) -> Lease {
        let mask = self.mask.and_then(|mask| IpAddress::Ipv4(mask).prefix_len()).filter(|&prefix| prefix > 0);
        let prefix = mask.unwrap_or_else(|| class_prefix(self.address));
        // A router may lie outside of the network, but its address must be a host's.
        let is_host = |router: Ipv4Address| IpAddress::from(router).is_unicast() && !router.is_loopback();
        let default = self.router.filter(|&router| is_host(router)).map(|router| (DEFAULT_ROUTE, router));
        // With classless routes, a client must ignore routers (RFC 3442).
        let routes = self.routes.clone().unwrap_or_else(|| default.into_iter().collect());
        let routes = routes.into_iter().filter(|&(_, router)| is_host(router)).collect();
        let mtu = self.mtu.filter(|&mtu| mtu >= SMALLEST_MTU);
        Lease { address: Ipv4Cidr::new(self.address, prefix), routes, mtu }
    }
}

/// The options in a field, up to its end or the first malformed one.
fn options(mut field: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    core::iter::from_fn(move || {
        while let [PADDING, rest @ ..] = field {
            field = rest;
        }
        let (&[kind, length], rest) = field.split_first_chunk()?;
        let data = rest.get(..length.into()).filter(|_| kind != END)?;
        field = rest.get(length.into()..)?;
        Some((kind, data))
    })
}

fn address(data: &[u8]) -> Option<Ipv4Address> {
    data.first_chunk().map(|raw: &[u8; 4]| Ipv4Address::from_octets(*raw))
}

fn number(data: &[u8]) -> Option<u32> {
    data.first_chunk().map(|raw| u32::from_be_bytes(*raw))
}

/// Each route is the length of its prefix, as many bytes as that has, and a router. A router 0.0.0.0 means that the network is on
/// the link: for a host, the route is then through itself. Such a route to a larger network is left out.
fn classless_routes(mut data: &[u8]) -> Vec<(Ipv4Cidr, Ipv4Address), MAX_ROUTES> {
    let mut routes = Vec::new();
    while let [prefix @ 0..=32, rest @ ..] = data {
        let significant = usize::from(prefix.div_ceil(8));
        let Some((bytes, rest)) = rest.split_at_checked(significant) else { break };
        let Some((&router, rest)) = rest.split_first_chunk::<4>() else { break };
        data = rest;
        let mut network = [0; 4];
        network.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        let network = Ipv4Cidr::new(Ipv4Address::from_octets(network), *prefix).network();
        let router = match Ipv4Address::from_octets(router) {
            Ipv4Address::UNSPECIFIED if *prefix == 32 => network.address(),
            router => router,
        };
        if routes.push((network, router)).is_err() {
            break;
        }
    }
    routes
}

/// The length of the prefix of an address's class (RFC 950), for servers that name no mask.
const fn class_prefix(address: Ipv4Address) -> u8 {
    match address.octets()[0] {
        0..128 => 8,
        128..192 => 16,
        _ => 24,
    }
}

/// A message of the client.
pub(super) struct Sent<'a> {
    pub(super) mac: EthernetAddress,
    pub(super) transaction: u32,
    pub(super) host_name: &'a str,
    pub(super) request: Request,
}

/// What the client wants.
pub(super) enum Request {
    Discover,
    /// An address that a server has offered.
    Offered {
        address: Ipv4Address,
        server: Ipv4Address,
    },
    /// The client's own address for longer: from this server, or from any.
    Renewal {
        address: Ipv4Address,
        server: Option<(Ipv4Address, EthernetAddress)>,
    },
}

impl Sent<'_> {
    /// Writes the frame, and returns its length.
    pub(super) fn write(&self, frame: &mut [u8; MAX_FRAME]) -> Option<usize> {
        let none = Ipv4Address::UNSPECIFIED;
        let everybody = (Ipv4Address::BROADCAST, EthernetAddress::BROADCAST);
        let (kind, requested, server, from, (to, hardware)) = match self.request {
            Request::Discover => (DhcpMessageType::Discover, None, None, none, everybody),
            Request::Offered { address, server } => {
                (DhcpMessageType::Request, Some(address), Some(server), none, everybody)
            }
            Request::Renewal { address, server } => {
                (DhcpMessageType::Request, None, None, address, server.unwrap_or(everybody))
            }
        };
        let host_name = [DhcpOption { kind: HOST_NAME, data: self.host_name.as_bytes() }];
        let message = DhcpRepr {
            message_type: kind,
            transaction_id: self.transaction,
            secs: 0,
            client_hardware_address: self.mac,
            client_ip: from,
            your_ip: none,
            server_ip: none,
            router: None,
            subnet_mask: None,
            relay_agent_ip: none,
            broadcast: false,
            requested_ip: requested,
            client_identifier: Some(self.mac),
            server_identifier: server,
            parameter_request_list: Some(WANTED),
            dns_servers: None,
            max_size: Some(LONGEST),
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: if self.host_name.is_empty() { &[] } else { &host_name },
        };
        let udp = UdpRepr { src_port: DHCP_CLIENT_PORT, dst_port: DHCP_SERVER_PORT };
        let length = message.buffer_len();
        let payload_len = udp.header_len() + length;
        let ip = Ipv4Repr { src_addr: from, dst_addr: to, next_header: IpProtocol::Udp, payload_len, hop_limit: 64 };
        let ethernet = EthernetRepr { src_addr: self.mac, dst_addr: hardware, ethertype: EthernetProtocol::Ipv4 };
        let total = ethernet.buffer_len() + ip.buffer_len() + payload_len;

        let checksums = ChecksumCapabilities::default();
        let mut frame = EthernetFrame::new_unchecked(frame.get_mut(..total)?);
        ethernet.emit(&mut frame);
        let mut packet = Ipv4Packet::new_unchecked(frame.payload_mut());
        ip.emit(&mut packet, &checksums);
        let mut datagram = UdpPacket::new_unchecked(packet.payload_mut());
        let mut written = Ok(());
        let fill = |bytes: &mut [u8]| written = message.emit(&mut DhcpPacket::new_unchecked(bytes));
        udp.emit(&mut datagram, &from.into(), &to.into(), length, fill, &checksums);
        written.ok().map(|()| total)
    }
}
