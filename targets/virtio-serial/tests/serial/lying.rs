//! Devices that lie. Whatever they say, the driver does not panic and touches no memory but its own; it goes on, or it
//! stops for good and says so.

use embedded_io::{Read, ReadReady, Write, WriteReady};
use proptest::prelude::*;
use virtio_serial::{Error, Event};

use crate::bench::{Host, Serial, connected};
use crate::device::*;
use crate::liar::lie;
use crate::memory::pages_in_use;

/// How often something is repeated until it counts as a flood. Miri, which is slow, looks for other things.
const FLOOD: u32 = if cfg!(miri) { 3 } else { 1000 };

/// How many bytes a liar has for its lies, at most.
const LIES: usize = if cfg!(miri) { 300 } else { 3000 };

/// The port works as ever.
fn assert_works(host: &Host, serial: &mut Serial) {
    host.device().write(1, b"ping");
    let mut buffer = [0; 16];
    assert_eq!(serial.receive(&mut buffer), 4);
    assert_eq!(&buffer[..4], b"ping");
    assert_eq!(serial.send(b"pong"), 4);
    assert_eq!(host.device().read(1), b"pong");
}

/// The device is reset, nothing is left of it, and nothing hangs.
fn assert_stopped(host: &Host, serial: &mut Serial, error: Error) {
    assert_eq!(host.settle(serial), [Event::Removed]);
    assert_eq!(serial.failure(), Some(error));
    assert_eq!((serial.port(), serial.is_open()), (None, false));
    assert_eq!(host.device().status, 0);
    assert_eq!(pages_in_use(), 0);
    assert_eq!(serial.receive(&mut [0; 8]), 0);
    assert_eq!(serial.send(b"dropped"), 7);
    assert_eq!(serial.read(&mut [0; 8]), Err(error));
    assert_eq!(serial.write(b"lost"), Err(error));
    assert_eq!(serial.flush(), Err(error));
    assert_eq!(serial.read_ready(), Err(error));
    assert_eq!(serial.write_ready(), Err(error));
    assert_eq!(serial.poll(), None);
}

#[test]
fn messages_that_mean_nothing_are_skipped() {
    let (host, mut serial) = connected(Device::modern(), 1);
    let messages = [
        vec![],
        vec![1],
        message(1, PORT_OPEN, 0, b"")[..7].to_vec(),
        message(1, DEVICE_READY, 1, b""),
        message(1, PORT_READY, 1, b""),
        message(1, CONSOLE_PORT, 1, b""),
        message(1, 5, 0, &[80, 0, 25, 0]),
        message(1, 8, 1, b""),
        message(1, 0xFFFF, 0xFFFF, &[0xFF; 300]),
        message(1, PORT_OPEN, 2, b""),
        message(31, PORT_ADD, 1, b""),
        message(512, PORT_ADD, 1, b""),
        message(u32::MAX, PORT_ADD, 1, b""),
        message(u32::MAX, PORT_REMOVE, 1, b""),
        message(u32::MAX, PORT_OPEN, 0, b""),
        message(u32::MAX, PORT_NAME, 1, AGENT.as_bytes()),
        message(1, PORT_NAME, 1, b"renamed"),
        message(1, PORT_NAME, 1, AGENT.as_bytes()),
        message(2, PORT_NAME, 1, AGENT.as_bytes()),
        message(2, PORT_NAME, 1, &[0xC3; 120]),
        message(2, PORT_REMOVE, 1, b""),
    ];
    let heard = host.device().heard.len();
    for message in messages {
        host.device().tell_raw(&message, None);
        assert_eq!(host.settle(&mut serial), [], "{message:02x?}");
        assert_eq!(host.device().heard.len(), heard, "{message:02x?}");
        assert_works(&host, &mut serial);
    }
}

#[test]
fn lengths_beyond_the_buffer_are_cut() {
    for claim in [129, 4096, 0x8000_0000, u32::MAX] {
        let (host, mut serial) = connected(Device::modern(), 1);
        host.device().tell_raw(&message(1, PORT_OPEN, 0, b""), Some(claim));
        assert_eq!(host.settle(&mut serial), [Event::Closed]);
        host.device().tell_raw(&message(1, PORT_OPEN, 1, b""), Some(claim));
        assert_eq!(host.settle(&mut serial), [Event::Opened]);

        let queue = receive_queue(1);
        let chain = host.device().free_buffer(queue).unwrap();
        host.device().fill(queue, &chain, b"short", claim);
        let mut buffer = [0; 8192];
        let count = serial.receive(&mut buffer);
        assert_eq!(count, if claim == 129 { 129 } else { 512 });
        assert!(buffer.starts_with(b"short"));
        assert_works(&host, &mut serial);
    }
}

#[test]
fn a_length_of_nothing_is_nothing() {
    let (host, mut serial) = connected(Device::modern(), 1);
    let queue = receive_queue(1);
    for _ in 0..100 {
        let chain = host.device().free_buffer(queue).unwrap();
        host.device().fill(queue, &chain, b"ignored", 0);
        assert_eq!(serial.receive(&mut [0; 8]), 0);
    }
    assert_works(&host, &mut serial);
}

#[test]
fn a_returned_buffer_that_was_not_lent_stops_the_driver() {
    let (receive, transmit) = (receive_queue(1), receive_queue(1) + 1);
    let cases = [
        (CONTROL_RECEIVE, [32, 0xFFFF, u32::MAX]),
        // Nothing is in flight on the transmit queues, so not even their only buffer is lent.
        (CONTROL_TRANSMIT, [0, 1, u32::MAX]),
        (receive, [8, 128, u32::MAX]),
        (transmit, [0, 1, u32::MAX]),
    ];
    for (index, ids) in cases {
        for id in ids {
            let (host, mut serial) = connected(Device::modern(), 1);
            host.device().queues.get_mut(&index).unwrap().lie(id, 8);
            // Whatever comes upon the queue in question: a receive, an answer to a new port, a look at the last send.
            serial.receive(&mut [0; 64]);
            host.device().plug(7, "com.example.other");
            let _ = serial.write_ready();
            assert_stopped(&host, &mut serial, Error::RingCorrupt);
        }
    }
}

#[test]
fn a_used_index_out_of_the_blue_is_no_endless_work() {
    let (host, mut serial) = connected(Device::modern(), 1);
    // The first buffer is returned, empty, again and again.
    host.device().queues.get_mut(&receive_queue(1)).unwrap().set_used_index(0x7FFF);
    assert_eq!(serial.receive(&mut [0; 64]), 0);
    assert_eq!(serial.failure(), None);
    // It was not even lent.
    host.device().queues.get_mut(&(receive_queue(1) + 1)).unwrap().set_used_index(0x7FFF);
    assert_eq!(serial.write_ready(), Err(Error::RingCorrupt));
    assert_stopped(&host, &mut serial, Error::RingCorrupt);
}

/// Found by the fuzzer: one more than there are.
#[test]
fn regression_no_more_buffers_are_unread_than_there_are() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().write(1, b"ab");
    assert_eq!(serial.receive(&mut [0; 1]), 1);
    host.device().queues.get_mut(&receive_queue(1)).unwrap().lie_about_index(0x7FFF);
    assert_eq!(serial.unread(), 8);
}

#[test]
fn a_device_in_need_of_a_reset_gets_one() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().interrupt = 2;
    assert_eq!(host.settle(&mut serial), [], "a change of the configuration alone means nothing");
    assert_works(&host, &mut serial);
    host.device().status |= NEEDS_RESET;
    host.device().interrupt = 2;
    assert_stopped(&host, &mut serial, Error::NeedsReset);
}

#[test]
fn a_flood_of_messages_stalls_nothing() {
    let (host, mut serial) = connected(Device::modern(), 1);
    for round in 0..FLOOD {
        for id in 0..32 {
            host.device().tell(id % 31, if round % 2 == 0 { PORT_ADD } else { 99 }, 1, b"");
        }
        serial.poll();
        assert_works(&host, &mut serial);
    }
    assert_eq!(host.device().lost_messages, 0);
}

#[test]
fn answers_do_not_pile_up_for_a_device_that_reads_none() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().deaf = true;
    for _ in 0..FLOOD {
        for id in 2..6 {
            host.device().tell(id, PORT_ADD, 1, b"");
        }
        assert_eq!(host.settle(&mut serial), []);
        assert_works(&host, &mut serial);
    }
    host.device().deaf = false;
    let before = host.device().heard.len();
    host.device().run();
    host.settle(&mut serial);
    let answers = host.device().heard.split_off(before);
    // The first one was on its way before the others of its port came.
    assert_eq!(answers, [2, 2, 3, 4, 5].map(|id| (id, PORT_READY, 1)));
}

#[test]
fn a_name_that_wanders_from_port_to_port_is_followed_in_peace() {
    let host = Host::new(Device::modern());
    let mut serial = host.start().unwrap();
    for round in 0..FLOOD {
        host.device().tell(round % 31, PORT_NAME, 1, AGENT.as_bytes());
        serial.poll();
        assert_eq!(serial.failure(), None);
        assert_eq!(pages_in_use(), 12);
    }
}

fn any_message() -> impl Strategy<Value = (Vec<u8>, Option<u32>)> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        Just(AGENT.as_bytes().to_vec()),
        Just([AGENT.as_bytes(), &[0]].concat()),
    ];
    let meaningful = (0..33u32, 0..10u16, 0..3u16, payload)
        .prop_map(|(id, event, value, payload)| message(id, event, value, &payload));
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    (prop_oneof![4 => meaningful, 1 => noise], prop::option::weighted(0.2, any::<u32>()))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 128 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_lies_do_harm(lies in prop::collection::vec(any::<u8>(), 0..LIES)) {
        lie(&lies);
    }

    #[test]
    fn no_messages_make_the_driver_panic_or_hang(messages in prop::collection::vec(any_message(), 0..100)) {
        let (host, mut serial) = connected(Device::modern().with_port(2, "com.example.other"), 1);
        for (bytes, claim) in messages {
            host.device().tell_raw(&bytes, claim);
            host.settle(&mut serial);
            serial.receive(&mut [0; 64]);
            serial.send(b"x");
            prop_assert_eq!(serial.failure(), None);
            prop_assert_eq!(pages_in_use(), 12);
        }
    }

    #[test]
    fn no_returned_buffers_make_the_driver_panic_or_hang(
        returns in prop::collection::vec((0..4usize, any::<u32>().prop_map(|id| id % 40), any::<u32>()), 0..40),
    ) {
        let (host, mut serial) = connected(Device::modern(), 1);
        for (queue, id, length) in returns {
            let index = [CONTROL_RECEIVE, CONTROL_TRANSMIT, receive_queue(1), receive_queue(1) + 1][queue];
            if let Some(queue) = host.device().queues.get_mut(&index) {
                queue.lie(id, length);
            }
            serial.poll();
            serial.receive(&mut [0; 5000]);
            serial.send(b"x");
        }
        prop_assert_eq!(pages_in_use(), if serial.failure().is_some() { 0 } else { 12 });
    }
}
