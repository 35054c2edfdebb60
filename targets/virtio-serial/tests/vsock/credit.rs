//! Credit, both ways (section 5.10.6.3).

use embedded_io::{Read, Write, WriteReady};

use crate::packet::*;
use crate::peer::State;
use crate::talking::connected;
use crate::wire::{WINDOW, read, settle};

#[test]
fn a_host_is_told_of_room_when_half_of_the_window_was_read() {
    let (host, mut driver, mut peers) = connected(100);
    let sent: Vec<u8> = (0..WINDOW * 5).map(|byte| byte as u8).collect();
    let (mut written, mut received) = (0, Vec::new());
    while received.len() < sent.len() {
        written += peers.write(&host, 5, &sent[written..]);
        settle(&mut driver);
        let bytes = read(&mut driver, 0);
        assert!(!bytes.is_empty(), "it stands still after {} bytes", received.len());
        received.extend(bytes);
        settle(&mut driver);
        peers.listen(&host);
    }
    assert_eq!(received, sent);
    assert!((4..=10).contains(&peers.of(5).told), "told {} times", peers.of(5).told);
}

#[test]
fn a_host_that_has_enough_credit_is_told_nothing() {
    let (host, mut driver, mut peers) = connected(100);
    peers.write(&host, 5, &[7; WINDOW / 2 - 1]);
    settle(&mut driver);
    read(&mut driver, 0);
    settle(&mut driver);
    assert!(host.device().from_guest.is_empty());
    // Nor is one that sends no more.
    peers.write(&host, 5, &[7; WINDOW / 2]);
    peers.half_close(&host, 5);
    settle(&mut driver);
    read(&mut driver, 0);
    settle(&mut driver);
    assert!(host.device().from_guest.is_empty());
}

#[test]
fn an_interrupt_is_acknowledged_before_the_device_is_looked_at() {
    let (host, mut driver, mut peers) = connected(100);
    peers.write(&host, 5, b"x");
    assert_eq!(host.device().interrupt, 1);
    driver.acknowledge_interrupt();
    assert_eq!(host.device().interrupt, 0);
    settle(&mut driver);
    assert_eq!(read(&mut driver, 0), b"x");
}

#[test]
fn a_host_that_asks_is_told_unless_there_is_no_room() {
    let (host, mut driver, mut peers) = connected(100);
    peers.say(&host, 5, CREDIT_REQUEST, 0, &[]);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(5).told, 1);

    peers.write(&host, 5, &[7; WINDOW]);
    peers.say(&host, 5, CREDIT_REQUEST, 0, &[]);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!((peers.of(5).told, peers.of(5).credit()), (1, 0), "it would only ask again");
    read(&mut driver, 0);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!((peers.of(5).told, peers.of(5).credit()), (2, WINDOW));
}

/// vhost-device-vsock 0.3 goes on only when it has that packet.
#[test]
fn a_host_that_asked_in_vain_is_told_by_a_packet_of_its_own_whatever_replies_told() {
    let (host, mut driver, mut peers) = connected(100_000);
    peers.write(&host, 5, &[7; WINDOW]);
    peers.say(&host, 5, CREDIT_REQUEST, 0, &[]);
    settle(&mut driver);
    // It is read in small pieces, and each is answered.
    for _ in 0..WINDOW / 10 {
        let mut stream = driver.stream(0).unwrap();
        assert_eq!(stream.read(&mut [0; 10]).unwrap(), 10);
        assert_eq!(stream.write(b"reply").unwrap(), 5);
        settle(&mut driver);
        peers.listen(&host);
    }
    assert_eq!((peers.of(5).told, peers.of(5).credit()), (1, WINDOW));
}

#[test]
fn an_answer_that_waits_for_a_buffer_is_sent_though_another_packet_goes_before_it() {
    let (host, mut driver, mut peers) = connected(8);
    host.device().busy = true;
    for _ in 0..4 {
        assert_eq!(driver.stream(0).unwrap().write(b"xx").unwrap(), 2);
    }
    // All buffers are out, and both sides want to know the other's credit.
    assert!(!driver.stream(0).unwrap().write_ready().unwrap());
    peers.say(&host, 5, CREDIT_REQUEST, 0, &[]);
    driver.poll();
    host.device().busy = false;
    host.device().run();
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!((peers.of(5).asked, peers.of(5).told), (1, 1));
}

#[test]
fn a_host_that_sends_too_much_is_sent_a_reset() {
    let (host, mut driver, mut peers) = connected(100);
    peers.write(&host, 5, &[7; WINDOW - 1]);
    peers.say(&host, 5, RW, 0, &[7; 2]);
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(5).state, State::Ended);
    assert!(driver.stream(0).unwrap().has_left());
    assert_eq!(read(&mut driver, 0), [7; WINDOW - 1], "what it was allowed to send is kept");
}

#[test]
fn without_credit_the_host_is_asked_once_and_nothing_is_sent() {
    let (host, mut driver, mut peers) = connected(10);
    let mut stream = driver.stream(0).unwrap();
    assert_eq!(stream.write(&[1; 50]).unwrap(), 10);
    for _ in 0..5 {
        assert!(!driver.stream(0).unwrap().write_ready().unwrap());
        settle(&mut driver);
    }
    peers.listen(&host);
    assert_eq!((peers.of(5).asked, peers.of(5).received.len()), (1, 10));
    // Its answer grants none. It is not asked again, but tells when it has room.
    settle(&mut driver);
    assert!(!driver.stream(0).unwrap().write_ready().unwrap());
    peers.listen(&host);
    assert_eq!(peers.of(5).asked, 1);
    peers.take(&host, 5);
    settle(&mut driver);
    assert_eq!(driver.stream(0).unwrap().write(&[2; 50]).unwrap(), 10);
    // It is asked again when that is used up.
    assert!(!driver.stream(0).unwrap().write_ready().unwrap());
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!((peers.of(5).asked, peers.of(5).received.len()), (2, 20));
}

#[test]
fn one_who_lies_about_its_credit_keeps_only_itself_waiting() {
    let (host, mut driver, mut peers) = connected(100);
    peers.connect(&host, 6, 100);
    settle(&mut driver);
    peers.listen(&host);
    for (window, taken) in [(0, 0), (0, u32::MAX), (100, 1 << 31), (u32::MAX, 5)] {
        let peer = peers.of(5);
        (peer.window, peer.taken) = (window, taken);
        peers.say(&host, 5, CREDIT_UPDATE, 0, &[]);
        settle(&mut driver);
        let _ = driver.stream(0).unwrap().write_ready().unwrap();
        assert!(driver.stream(1).unwrap().write(b"x").unwrap() == 1);
    }
    host.device().from_guest.clear();
}

#[test]
fn a_device_that_takes_nothing_keeps_nobody_from_receiving() {
    let (host, mut driver, mut peers) = connected(100_000);
    settle(&mut driver);
    assert_eq!(driver.stream(0).unwrap().write(&[3; 100]).unwrap(), 100);
    assert_eq!(host.device().interrupt, 0, "nobody waits for a buffer");
    host.device().busy = true;
    for _ in 0..4 {
        assert_eq!(driver.stream(0).unwrap().write(&[3; 100]).unwrap(), 100);
    }
    assert!(!driver.stream(0).unwrap().write_ready().unwrap(), "all buffers are out");
    for _ in 0..100 {
        peers.write(&host, 5, &[4; 100]);
        settle(&mut driver);
        assert_eq!(read(&mut driver, 0).len(), 100);
        // The guest's credit is known only when the device takes what it says.
        if peers.of(5).credit() < 100 {
            break;
        }
    }
    host.device().interrupt = 0;
    host.device().busy = false;
    host.device().run();
    assert_eq!(host.device().interrupt, 1, "a buffer was waited for");
    settle(&mut driver);
    peers.listen(&host);
    assert_eq!(peers.of(5).received.len(), 500);
    assert_eq!(peers.of(5).credit(), WINDOW, "what was owed is said once there is a buffer");
}
