//! Links and addresses, as rtnetlink(7) dumps them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nanoqga::commands::network::InterfaceStatistics;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// Message types and flags of `linux/netlink.h` and `linux/rtnetlink.h`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
const REQUEST_DUMP: u16 = 0x301;

/// The kernel's dumps come in datagrams of at most so many bytes as are asked for, unless a single message is longer: that of a
/// card with many virtual functions.
const DATAGRAM: usize = 8 << 10;
const LONGEST_DATAGRAM: usize = 64 << 10;

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    /// The beginning of its hardware address; zeros where it has none.
    pub hardware_address: [u8; 6],
    /// Its counters, as /proc/net/dev has them.
    pub statistics: Option<InterfaceStatistics>,
}

/// An address of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkAddress {
    pub index: u32,
    /// The interface's name, which for an IPv4 address may have one behind a colon.
    pub label: Option<String>,
    pub address: IpAddr,
    pub prefix: u8,
}

/// A way to the kernel's network, kept from one question to the next: a socket, and memory for an answer, each cost more than
/// what is asked.
#[derive(Debug, Default)]
pub struct Netlink {
    /// One at which no answer is due.
    socket: Option<OwnedFd>,
    datagram: Vec<u8>,
}

impl Netlink {
    /// All interfaces.
    pub fn links(&mut self) -> Result<Vec<Link>, Errno> {
        self.dump(GET_LINK, NEW_LINK, link)
    }

    /// All their addresses.
    pub fn addresses(&mut self) -> Result<Vec<LinkAddress>, Errno> {
        self.dump(GET_ADDRESS, NEW_ADDRESS, address)
    }

    fn dump<T>(&mut self, request: u16, answer: u16, parse: fn(&[u8]) -> Option<T>) -> Result<Vec<T>, Errno> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => socket()?,
        };
        self.datagram.resize(DATAGRAM, 0);
        match ask(&socket, request, answer, parse, &mut self.datagram) {
            // After an error more of the answer may be on its way, so then the socket is closed.
            Err(Errno::MSGSIZE) => ask(&self::socket()?, request, answer, parse, &mut alloc::vec![0; LONGEST_DATAGRAM]),
            Err(error) => Err(error),
            Ok(found) => {
                self.socket = Some(socket);
                Ok(found)
            }
        }
    }
}

fn socket() -> Result<OwnedFd, Errno> {
    // NETLINK_ROUTE is the protocol of number 0.
    socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
}

/// Asks for a dump, and reads it to its end.
fn ask<T>(
    socket: &OwnedFd,
    request: u16,
    answer: u16,
    parse: fn(&[u8]) -> Option<T>,
    datagram: &mut [u8],
) -> Result<Vec<T>, Errno> {
    // A header and the longer of the two commands' own, which is all zero: everything is asked for.
    let mut message = [0; 32];
    let length = message.len() as u32;
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message[4..6].copy_from_slice(&request.to_ne_bytes());
    message[6..8].copy_from_slice(&REQUEST_DUMP.to_ne_bytes());
    send(socket, &message, SendFlags::empty())?;
    let mut found = Vec::new();
    loop {
        let (got, length) = recv(socket, &mut *datagram, RecvFlags::TRUNC)?;
        if length > got {
            return Err(Errno::MSGSIZE);
        }
        for (kind, body) in messages(datagram.get(..got).unwrap_or_default()) {
            match kind {
                DONE => return Ok(found),
                ERROR => return Err(number(body).map_or(Errno::IO, |error| Errno::from_raw_os_error(-(error as i32)))),
                kind if kind == answer => found.extend(parse(body)),
                _ => {}
            }
        }
        if got == 0 {
            return Err(Errno::IO);
        }
    }
}

/// The messages of a datagram: what kind each is of, and what follows its header.
fn messages(datagram: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    pieces(datagram, 16, |header| Some((number(header)? as usize, half(header, 4)?)))
}

/// The attributes of a message: what each is, and its value.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    pieces(bytes, 4, |header| Some((usize::from(half(header, 0)?), half(header, 2)?)))
}

/// Pieces that begin with their length and kind, and are aligned to 4 bytes. What is not whole ends them.
fn pieces(
    mut bytes: &[u8],
    header: usize,
    read: fn(&[u8]) -> Option<(usize, u16)>,
) -> impl Iterator<Item = (u16, &[u8])> {
    core::iter::from_fn(move || {
        let (length, kind) = read(bytes)?;
        let body = bytes.get(header..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// A `struct ifinfomsg` and its attributes.
fn link(message: &[u8]) -> Option<Link> {
    let mut link = Link { index: number(message.get(4..)?)?, ..Link::default() };
    for (kind, value) in attributes(message.get(16..)?) {
        match kind {
            // IFLA_ADDRESS
            1 => link.hardware_address.iter_mut().zip(value).for_each(|(to, from)| *to = *from),
            // IFLA_IFNAME
            3 => link.name = text(value),
            // IFLA_STATS64
            23 => link.statistics = statistics(value),
            _ => {}
        }
    }
    (!link.name.is_empty()).then_some(link)
}

/// A `struct rtnl_link_stats64`. What a card had no room for counts as dropped, as in /proc/net/dev.
fn statistics(value: &[u8]) -> Option<InterfaceStatistics> {
    let (words, _) = value.as_chunks::<8>();
    let word = |at: usize| words.get(at).map(|word| u64::from_ne_bytes(*word));
    let [rx_dropped, rx_missed] = [word(6)?, word(15)?];
    Some(InterfaceStatistics {
        rx_packets: word(0)?,
        tx_packets: word(1)?,
        rx_bytes: word(2)?,
        tx_bytes: word(3)?,
        rx_errs: word(4)?,
        tx_errs: word(5)?,
        rx_dropped: rx_dropped.wrapping_add(rx_missed),
        tx_dropped: word(7)?,
    })
}

/// A `struct ifaddrmsg` and its attributes.
fn address(message: &[u8]) -> Option<LinkAddress> {
    let &[family, prefix, ..] = message else { return None };
    let index = number(message.get(4..)?)?;
    let (mut own, mut other, mut label) = (None, None, None);
    for (kind, value) in attributes(message.get(8..)?) {
        match kind {
            // IFA_ADDRESS: where a link has two ends, the other's.
            1 => other = ip(family, value),
            // IFA_LOCAL
            2 => own = ip(family, value),
            // IFA_LABEL
            3 => label = Some(text(value)),
            _ => {}
        }
    }
    Some(LinkAddress { index, label, address: own.or(other)?, prefix })
}

fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into()),
        libc::AF_INET6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).into()),
        _ => None,
    }
}

/// A string that may end with NUL.
fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).to_string()
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use core::slice;
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = 4 + value.len();
        let mut bytes = [(length as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(length.next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_link_has_a_name_and_six_bytes_of_its_address() {
        let fixed = [[0; 4], 7u32.to_ne_bytes(), [0; 4], [0; 4]].concat();
        let message = [fixed.clone(), attribute(1, &[1; 20]), attribute(99, b"?"), attribute(3, b"ib0\0")].concat();
        let ib0 = Link { index: 7, name: "ib0".into(), hardware_address: [1; 6], statistics: None };
        assert_eq!(link(&message), Some(ib0));
        let message = [fixed.clone(), attribute(3, b"tun0")].concat();
        assert_eq!(link(&message), Some(Link { index: 7, name: "tun0".into(), ..Link::default() }));
        assert_eq!((link(&fixed), link(&fixed[..7]), link(&[])), (None, None, None));
    }

    #[test]
    fn counters_are_those_of_proc_net_dev() {
        let words: Vec<u8> = (1..=24u64).flat_map(u64::to_ne_bytes).collect();
        let told = statistics(&words).unwrap();
        assert_eq!((told.rx_packets, told.tx_packets, told.rx_bytes, told.tx_bytes), (1, 2, 3, 4));
        assert_eq!((told.rx_errs, told.tx_errs, told.rx_dropped, told.tx_dropped), (5, 6, 7 + 16, 8));
        // Kernels before 2.6.35 told fewer.
        assert_eq!(statistics(&words[..15 * 8 + 7]), None);
    }

    #[test]
    fn the_own_end_of_a_link_counts() {
        let message = |family: i32, attributes: &[Vec<u8>]| {
            [vec![family as u8, 24, 0, 0, 2, 0, 0, 0], attributes.concat()].concat()
        };
        let [own, other] = [attribute(2, &[10, 0, 0, 1]), attribute(1, &[10, 0, 0, 2])];
        let both = address(&message(libc::AF_INET, &[other.clone(), own, attribute(3, b"eth0:1\0")])).unwrap();
        assert_eq!((both.index, both.prefix, both.label.as_deref()), (2, 24, Some("eth0:1")));
        assert_eq!(both.address, Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(
            address(&message(libc::AF_INET, slice::from_ref(&other))).unwrap().address,
            Ipv4Addr::new(10, 0, 0, 2)
        );
        assert_eq!(address(&message(libc::AF_INET6, slice::from_ref(&other))), None);
        assert_eq!(address(&message(libc::AF_DECnet, &[other])), None);
    }

    #[test]
    fn the_kernel_tells_of_loopback() {
        let mut netlink = Netlink::default();
        // The second time over the same socket.
        for _ in 0..2 {
            let lo = netlink.links().unwrap().into_iter().find(|link| link.name == "lo").unwrap();
            assert_eq!((lo.hardware_address, lo.statistics.is_some()), ([0; 6], true));
            let here = (lo.index, IpAddr::from(Ipv4Addr::LOCALHOST));
            assert!(netlink.addresses().unwrap().iter().any(|address| (address.index, address.address) == here));
        }
    }

    #[test]
    fn a_message_that_is_longer_than_its_room_is_not_cut() {
        let asked = ask(&socket().unwrap(), GET_LINK, NEW_LINK, link, &mut [0; 64]);
        assert_eq!(asked.unwrap_err(), Errno::MSGSIZE);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            for (_, body) in messages(&bytes) {
                let _ = (link(body), address(body));
            }
            let _ = (link(&bytes), address(&bytes));
        }
    }
}
