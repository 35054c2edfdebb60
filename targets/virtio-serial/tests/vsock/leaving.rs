//! Hosts that leave, half or wholly, and a guest that is moved.

use embedded_io::{Read, Write};
use virtio_serial::vsock::MAX_CONNECTIONS;

use crate::packet::*;
use crate::peer::State;
use crate::talking::connected;
use crate::wire::{read, settle, started};

#[test]
fn what_a_host_has_sent_before_it_left_is_read() {
    for polite in [true, false] {
        let (host, mut driver, mut peers) = connected(100);
        peers.write(&host, 5, b"go down");
        if polite {
            peers.leave(&host, 5);
        } else {
            peers.vanish(&host, 5);
        }
        settle(&mut driver);
        peers.listen(&host);
        if polite {
            assert_eq!(peers.of(5).state, State::Ended, "a RST answers SHUTDOWN");
        }
        let mut stream = driver.stream(0).unwrap();
        assert!(stream.has_left() && !stream.is_open());
        stream.finish();
        assert!(stream.has_left(), "there are bytes to read");
        assert_eq!(stream.write(b"dropped").unwrap(), 7);
        let mut bytes = [0; 20];
        assert_eq!(stream.read(&mut bytes).unwrap(), 7);
        assert_eq!(stream.read(&mut bytes).unwrap(), 0, "the end");
        stream.finish();
        assert!(!stream.has_left());
        assert!(host.device().from_guest.is_empty());
    }
}

#[test]
fn a_host_that_sends_no_more_has_its_replies() {
    let (host, mut driver, mut peers) = connected(100);
    peers.write(&host, 5, b"request");
    peers.half_close(&host, 5);
    settle(&mut driver);
    assert!(driver.stream(0).unwrap().is_open());
    assert_eq!(read(&mut driver, 0), b"request");
    let mut stream = driver.stream(0).unwrap();
    assert_eq!(stream.read(&mut [0; 5]).unwrap(), 0);
    assert_eq!(stream.write(b"reply").unwrap(), 5);
    stream.finish();
    settle(&mut driver);
    peers.listen(&host);
    settle(&mut driver);
    assert_eq!((peers.of(5).state, peers.of(5).received.as_slice()), (State::EndedByGuest, &b"reply"[..]));

    // It has answered, so the place is free.
    peers.connect(&host, 6, 100);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(6).state, State::Open);
    assert!(driver.stream(0).unwrap().take_new());
}

#[test]
fn a_connection_on_which_all_is_done_stays_open() {
    let (host, mut driver, mut peers) = connected(100);
    driver.stream(0).unwrap().finish();
    settle(&mut driver);
    assert!(host.device().from_guest.is_empty());
    // Also if the peer only wants to receive no more.
    peers.say(&host, 5, SHUTDOWN, RECEIVES_NO_MORE, &[]);
    settle(&mut driver);
    driver.stream(0).unwrap().finish();
    settle(&mut driver);
    assert!(host.device().from_guest.is_empty());
}

#[test]
fn a_reset_is_answered_with_nothing_and_so_is_data_that_crosses_a_shutdown() {
    let (host, mut driver, mut peers) = connected(100);
    peers.say(&host, 5, RST, 0, &[]);
    settle(&mut driver);
    assert!(host.device().from_guest.is_empty());

    let (host, mut driver, mut peers) = connected(100);
    peers.half_close(&host, 5);
    settle(&mut driver);
    driver.stream(0).unwrap().finish();
    settle(&mut driver);
    peers.say(&host, 5, RW, 0, b"late");
    settle(&mut driver);
    let said: Vec<_> = host.device().from_guest.drain(..).map(|packet| packet.operation).collect();
    assert_eq!(said, [SHUTDOWN]);
}

#[test]
fn a_guest_may_end_a_connection_at_once() {
    let (host, mut driver, mut peers) = connected(100);
    peers.write(&host, 5, b"still read");
    settle(&mut driver);
    driver.stream(0).unwrap().reset();
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(5).state, State::Ended);
    assert_eq!(read(&mut driver, 0), b"still read");
    assert!(driver.stream(MAX_CONNECTIONS).is_none());
    assert!(format!("{driver:?}").contains("cid: Some(42)"));
}

/// Packets of two strangers to one port, and of one to two ports, each have their answer, and each only one.
#[test]
fn each_stranger_is_answered_once_for_each_port() {
    let (host, mut driver) = started();
    host.device().busy = true;
    let packet = Packet { kind: STREAM, operation: RW, ..Packet::default() };
    // The first four take the buffers.
    let strangers = [(1, 91), (2, 91), (3, 91), (4, 91), (5, 91), (5, 92), (6, 91), (5, 91), (5, 92), (6, 91)];
    for (from, to) in strangers {
        host.device().send(&Packet { from: (HOST, from), to: (42, to), ..packet.clone() });
        settle(&mut driver);
    }
    host.device().busy = false;
    host.device().run();
    settle(&mut driver);
    let said: Vec<_> = host.device().from_guest.drain(..).map(|packet| (packet.to.1, packet.from.1)).collect();
    assert_eq!(said, strangers[..7]);
}

#[test]
fn one_who_never_answers_a_shutdown_makes_room_for_the_next() {
    let (host, mut driver) = started();
    let mut peers = crate::peer::Peers::default();
    for port in 0..4 {
        peers.connect(&host, port, 100);
        peers.half_close(&host, port);
    }
    settle(&mut driver);
    (0..4).for_each(|place| driver.stream(place).unwrap().finish());
    settle(&mut driver);
    let said: Vec<_> = host.device().from_guest.drain(..).map(|packet| packet.operation).collect();
    assert_eq!(said.iter().filter(|&&operation| operation == SHUTDOWN).count(), 4);
    peers.connect(&host, 9, 100);
    settle(&mut driver);
    let said: Vec<_> = host.device().from_guest.drain(..).map(|packet| (packet.to.1, packet.operation)).collect();
    assert_eq!(said, [(9, RESPONSE), (0, RST)]);
}

#[test]
fn packets_that_make_no_sense_are_answered_with_a_reset() {
    for (operation, flags, data) in
        [(RESPONSE, 0, &[][..]), (8, 0, &[]), (0xffff, 0xffff_ffff, &[]), (RW, 0, &[1; 3000])]
    {
        let (host, mut driver, mut peers) = connected(100);
        peers.say(&host, 5, operation, flags, data);
        settle(&mut driver);
        peers.listen(&host);
        assert_eq!(peers.of(5).state, State::Ended, "{operation}");
    }
    // Data after it has said that none would come.
    let (host, mut driver, mut peers) = connected(100);
    peers.half_close(&host, 5);
    peers.say(&host, 5, RW, 0, &[1]);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(5).state, State::Ended);
}

#[test]
fn packets_that_mean_nothing_change_nothing() {
    let (host, mut driver, mut peers) = connected(100);
    peers.say(&host, 5, 0, 0, &[]);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(5).told, 1, "vhost-device-vsock waits for that");
    // Nobody is there, and a RST is never answered with one.
    let stranger = Packet { from: (HOST, 77), to: (42, 1234), kind: STREAM, ..Packet::default() };
    for operation in [0, RST] {
        host.device().send(&Packet { operation, ..stranger.clone() });
    }
    settle(&mut driver);
    assert!(host.device().from_guest.is_empty());
    assert!(driver.stream(0).unwrap().is_open());
}

#[test]
fn resets_that_find_no_place_are_dropped() {
    let (host, mut driver) = started();
    host.device().busy = true;
    let stranger = Packet { to: (42, 1234), kind: STREAM, operation: RW, ..Packet::default() };
    // Four for the buffers, eight that wait, and the others.
    for port in 0..100 {
        host.device().send(&Packet { from: (HOST, port), ..stranger.clone() });
        settle(&mut driver);
    }
    host.device().busy = false;
    host.device().run();
    settle(&mut driver);
    assert_eq!(host.device().from_guest.len(), 12);
}

#[test]
fn a_guest_that_was_moved_has_no_connections() {
    let (host, mut driver, mut peers) = connected(100);
    peers.write(&host, 5, b"go down");
    settle(&mut driver);
    host.device().move_guest(43);
    settle(&mut driver);
    assert_eq!(driver.cid(), Some(43));
    assert!(driver.stream(0).unwrap().has_left());
    assert_eq!(read(&mut driver, 0), b"go down");
    assert!(host.device().from_guest.is_empty(), "nobody is there to be told");
    driver.stream(0).unwrap().finish();
    peers.connect(&host, 5, 100);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(5).state, State::Open);
}

#[test]
fn a_buffer_that_comes_back_as_it_was_is_no_packet() {
    let (host, mut driver, mut peers) = connected(100);
    // vhost-device-vsock returns buffers that it has not written to.
    for _ in 0..40 {
        peers.write(&host, 5, b"once");
        settle(&mut driver);
        assert_eq!(read(&mut driver, 0), b"once");
        settle(&mut driver);
        peers.listen(&host);
        let chain = host.device().queues.get_mut(&crate::device::RECEIVE).unwrap().pop().unwrap();
        host.device().fill(crate::device::RECEIVE, &chain, &[], 48);
        settle(&mut driver);
        assert_eq!(read(&mut driver, 0), b"");
        assert!(driver.stream(0).unwrap().is_open());
    }
}

#[test]
fn a_late_reset_does_not_end_the_next_connection_of_that_port() {
    let (host, mut driver, mut peers) = connected(100);
    host.device().busy = true;
    for _ in 0..4 {
        driver.stream(0).unwrap().write(b"x").unwrap();
    }
    peers.leave(&host, 5);
    settle(&mut driver);
    driver.stream(0).unwrap().finish();
    // The device has forgotten the connection before it took the RST.
    peers.connect(&host, 5, 100);
    settle(&mut driver);
    host.device().from_guest.clear();
    host.device().busy = false;
    host.device().run();
    host.device().from_guest.clear();
    settle(&mut driver);
    let said: Vec<_> = host.device().from_guest.drain(..).map(|packet| packet.operation).collect();
    assert_eq!(said, [RESPONSE]);
}
