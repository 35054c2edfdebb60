//! Conversations, and who may have one.

use embedded_io::{ReadReady, Write, WriteReady};
use virtio_serial::Error;
use virtio_serial::vsock::Peers as Allowed;

use crate::device::{Device, FEATURES_OK, VERSION_1};
use crate::memory::{PageLimit, pages_in_use};
use crate::packet::*;
use crate::peer::{Peers, State};
use crate::wire::{Driver, Host, PORT, read, settle, started};

/// Makes something wrong.
type Spoil<T> = fn(&mut T);

/// A peer at port 5 that is connected at place 0.
pub fn connected(window: u32) -> (Host, Driver<'static>, Peers) {
    let (host, mut driver) = started();
    let mut peers = Peers::default();
    peers.connect(&host, 5, window);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(5).state, State::Open);
    (host, driver, peers)
}

#[test]
fn both_sides_hear_what_the_other_says() {
    let (host, mut driver, mut peers) = connected(5000);
    assert_eq!(driver.cid(), Some(42));
    let mut stream = driver.stream(0).unwrap();
    assert!(stream.take_new() && !stream.take_new());
    assert!(stream.is_open() && !stream.has_left());
    assert!(stream.write_ready().unwrap() && !stream.read_ready().unwrap());

    assert_eq!(peers.write(&host, 5, b"ping"), 4);
    settle(&mut driver);
    assert_eq!(read(&mut driver, 0), b"ping");
    let mut stream = driver.stream(0).unwrap();
    assert_eq!(stream.write(b"pong").unwrap(), 4);
    stream.flush().unwrap();
    peers.listen(&host);
    assert_eq!(peers.of(5).received, b"pong");
}

#[test]
fn four_are_served_and_a_fifth_is_refused_until_one_leaves() {
    let (host, mut driver) = started();
    let mut peers = Peers::default();
    for port in 0..5 {
        peers.connect(&host, port, 100);
    }
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(
        [0, 1, 2, 3, 4].map(|port| peers.of(port).state),
        [[State::Open; 4].as_slice(), &[State::Ended]].concat()[..]
    );
    for place in 0..4 {
        peers.write(&host, place, &[place as u8; 3]);
    }
    settle(&mut driver);
    for place in 0..4 {
        assert_eq!(read(&mut driver, place), [place as u8; 3], "each place has its own bytes");
    }

    peers.vanish(&host, 2);
    settle(&mut driver);
    assert!(driver.stream(2).unwrap().has_left());
    driver.stream(2).unwrap().finish();
    peers.connect(&host, 9, 100);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(9).state, State::Open);
    assert!(driver.stream(2).unwrap().is_open());
}

#[test]
fn only_the_host_and_only_the_port_and_only_streams() {
    let request = |host: &Host| Packet {
        from: (HOST, 7),
        to: (host.device().cid, PORT),
        kind: STREAM,
        operation: REQUEST,
        window: 100,
        ..Packet::default()
    };
    let wrong: [(Spoil<Packet>, bool); 6] = [
        (|packet| packet.from.0 = 3, true),
        (|packet| packet.from.0 = HOST | 1 << 32, true),
        (|packet| packet.to.1 = PORT + 1, true),
        (|packet| packet.kind = 2, true),
        (|packet| packet.operation = RW, true),
        // Not for this guest: it cannot even be answered.
        (|packet| packet.to.0 = 43, false),
    ];
    for (place, (spoil, is_answered)) in wrong.into_iter().enumerate() {
        let (host, mut driver) = started();
        let mut packet = request(&host);
        spoil(&mut packet);
        host.device().send(&packet);
        settle(&mut driver);
        let answer = host.device().from_guest.pop_front();
        let expected =
            Packet { from: packet.to, to: packet.from, kind: packet.kind, operation: RST, ..Packet::default() };
        assert_eq!(answer, is_answered.then_some(expected), "{place}");
        let stranger = (packet.from.0 != HOST).then_some(packet.from.0);
        assert_eq!([driver.take_stranger(), driver.take_stranger()], [stranger, None], "{place}");
        assert!(!driver.stream(0).unwrap().is_open());
    }

    // Another guest, if the driver was told to take any.
    let host = Host::new(Device::new());
    let mut driver = host.start(Allowed::Any).unwrap();
    let packet = Packet { from: (3, 7), ..request(&host) };
    host.device().send(&packet);
    settle(&mut driver);
    let answer = host.device().from_guest.pop_front().unwrap();
    assert_eq!((answer.operation, answer.to), (RESPONSE, (3, 7)));
    assert_eq!(driver.take_stranger(), None);
}

#[test]
fn what_is_not_a_usable_device_is_an_error() {
    let cases: [(Spoil<Device>, Error); 4] = [
        (|device| device.device_type = 3, Error::NotASocket),
        (|device| device.offered &= !VERSION_1, Error::Features),
        (|device| device.refuses_features = true, Error::Features),
        (|device| device.queue_size = 0, Error::QueueTooSmall),
    ];
    for (spoil, error) in cases {
        let mut device = Device::new();
        spoil(&mut device);
        assert_eq!(Host::new(device).start(Allowed::Host).err(), Some(error));
        assert_eq!(pages_in_use(), 0);
    }
    let _limit = PageLimit::new(39);
    assert_eq!(Host::new(Device::new()).start(Allowed::Host).err(), Some(Error::NoMemory));
    assert_eq!(pages_in_use(), 0);
}

#[test]
fn a_driver_needs_40_pages_and_returns_them() {
    let (host, mut driver) = started();
    assert_eq!(pages_in_use(), 40);
    assert_eq!(host.device().accepted & 1, 1, "streams are accepted");
    assert!(host.device().status & FEATURES_OK != 0);
    driver.stop();
    assert_eq!((pages_in_use(), driver.failure(), driver.cid()), (0, Some(Error::NoReset), None));
    driver.restart();
    assert_eq!((pages_in_use(), driver.failure()), (40, None));
    drop(driver);
    assert_eq!(pages_in_use(), 0);
    assert_eq!(host.device().status, 0);
}

#[test]
fn one_who_connects_again_from_the_same_port_is_a_new_host() {
    let (host, mut driver, mut peers) = connected(100);
    peers.write(&host, 5, b"half a reque");
    settle(&mut driver);
    // Its device was started anew, and has told nobody.
    peers.connect(&host, 5, 100);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(5).state, State::Open);
    assert!(driver.stream(0).unwrap().has_left());
    assert!(driver.stream(1).unwrap().take_new());
    peers.write(&host, 5, b"request");
    settle(&mut driver);
    assert_eq!([read(&mut driver, 0), read(&mut driver, 1)], [&b"half a reque"[..], b"request"]);
}
