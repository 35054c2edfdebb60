//! The other end of a guest's network: a host that answers for its own addresses and pings the guest's, over a pair of unix
//! sockets that QEMU passes frames through.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::os::unix::net::UnixDatagram;

use anyhow::{Result, ensure};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::qemu;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::icmp::{Endpoint, PacketBuffer, PacketMetadata, Socket};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress, IpCidr};
use tests::soon;

const MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const IDENT: u16 = 0x6e71;

/// A host on a guest's network.
pub struct Peer {
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    echo: SocketHandle,
}

impl Peer {
    /// Gives the guest a network card, and is at the other end of it with these addresses.
    pub fn of(config: &mut qemu::Config, addresses: &[(&str, u8)]) -> Result<Self> {
        let folder = PrivateFolder::new()?;
        let [guest, peer] = ["guest.sock", "peer.sock"].map(|name| folder.path().join(name));
        let socket = UnixDatagram::bind(&peer)?;
        socket.set_nonblocking(true)?;
        config.argument(
            "-netdev",
            format!(
                "dgram,id=peer,local.type=unix,local.path={},remote.type=unix,remote.path={}",
                guest.display(),
                peer.display()
            ),
        );
        config.virtio("net", "netdev=peer,mac=52:54:00:00:00:02");
        let mut wire = Wire { socket, guest, sent: Count::default(), received: Count::default(), _folder: folder };
        let mut interface = Interface::new(Config::new(MAC.into()), &mut wire, Instant::now());
        interface.update_ip_addrs(|all| {
            for (address, prefix) in addresses {
                let address: IpAddr = address.parse().expect("a test knows what an address is");
                all.push(IpCidr::new(address.into(), *prefix)).expect("a test has few addresses");
            }
        });
        let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; 4], vec![0; 4096]);
        let mut echo = Socket::new(buffer(), buffer());
        echo.bind(Endpoint::Ident(IDENT)).expect("the socket is new");
        let mut sockets = SocketSet::new(vec![]);
        let echo = sockets.add(echo);
        Ok(Self { wire, interface, sockets, echo })
    }

    /// Pings an address once; it must answer with the bytes that it was sent.
    pub fn ping(&mut self, address: &str, length: usize) -> Result<()> {
        let address: IpAddress = address.parse::<IpAddr>()?.into();
        let data: Vec<u8> = (0..length).map(|index| index as u8).collect();
        let source = self.interface.get_source_address(&address);
        let checks = ChecksumCapabilities::default();
        let (mut request, mut expected) = (vec![0; 8 + length], vec![0; 8 + length]);
        match (address, source) {
            (IpAddress::Ipv4(_), _) => {
                let echo = |reply: bool, bytes: &mut [u8]| {
                    let (ident, seq_no, data) = (IDENT, 1, &data[..]);
                    let repr = if reply {
                        Icmpv4Repr::EchoReply { ident, seq_no, data }
                    } else {
                        Icmpv4Repr::EchoRequest { ident, seq_no, data }
                    };
                    repr.emit(&mut Icmpv4Packet::new_unchecked(bytes), &checks);
                };
                echo(false, &mut request);
                echo(true, &mut expected);
            }
            (IpAddress::Ipv6(guest), Some(IpAddress::Ipv6(peer))) => {
                let (ident, seq_no, data) = (IDENT, 1, &data[..]);
                let ask = Icmpv6Repr::EchoRequest { ident, seq_no, data };
                ask.emit(&peer, &guest, &mut Icmpv6Packet::new_unchecked(&mut request), &checks);
                let answer = Icmpv6Repr::EchoReply { ident, seq_no, data };
                answer.emit(&guest, &peer, &mut Icmpv6Packet::new_unchecked(&mut expected), &checks);
            }
            _ => anyhow::bail!("the peer has no address to ping {address} from"),
        }
        let socket = self.sockets.get_mut::<Socket<'_>>(self.echo);
        socket.send_slice(&request, address)?;
        soon().poll(&format!("an answer from {address}"), || {
            self.poll();
            let socket = self.sockets.get_mut::<Socket<'_>>(self.echo);
            if !socket.can_recv() {
                return Ok(None);
            }
            let (answer, from) = socket.recv()?;
            ensure!(from == address && answer == expected, "{from} answered {answer:02x?}");
            Ok(Some(()))
        })
    }

    /// Does what its own stack has to do.
    pub fn poll(&mut self) {
        self.interface.poll(Instant::now(), &mut self.wire, &mut self.sockets);
    }

    /// Sends a frame as it is.
    pub fn send(&mut self, frame: &[u8]) {
        self.wire.send(frame);
    }

    /// What it has sent to the guest, and what the guest has sent to it.
    pub fn counts(&mut self) -> (Count, Count) {
        self.poll();
        (self.wire.sent, self.wire.received)
    }
}

/// How much went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub frames: u64,
    pub bytes: u64,
}

impl Count {
    fn count(&mut self, frame: &[u8]) {
        self.frames += 1;
        self.bytes += frame.len() as u64;
    }
}

/// The cable.
struct Wire {
    socket: UnixDatagram,
    guest: std::path::PathBuf,
    sent: Count,
    received: Count,
    _folder: PrivateFolder,
}

impl Wire {
    /// QEMU may not be there yet, or busy: then the frame is lost, as frames are.
    fn send(&mut self, frame: &[u8]) {
        if self.socket.send_to(frame, &self.guest).is_ok() {
            self.sent.count(frame);
        }
    }
}

impl Device for Wire {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        let mut frame = vec![0; 2048];
        match self.socket.recv(&mut frame) {
            Ok(length) => frame.truncate(length),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) => panic!("the peer's socket is broken: {error}"),
        }
        self.received.count(&frame);
        Some((Incoming(frame), Outgoing(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_>> {
        Some(Outgoing(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

struct Incoming(Vec<u8>);

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct Outgoing<'a>(&'a mut Wire);

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = vec![0; length];
        let result = f(&mut frame);
        self.0.send(&frame);
        result
    }
}
