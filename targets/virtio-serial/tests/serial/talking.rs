//! Bytes through the port, and who may wait for whom.

use embedded_io::{Read, ReadReady, Write, WriteReady};
use proptest::prelude::*;
use virtio_serial::Event;

use crate::bench::{Host, connected};
use crate::device::*;

#[test]
fn bytes_pass_both_ways_over_both_layouts_and_small_queues() {
    let small = |device| Device { control_queue_size: 4, data_queue_size: 2, ..device };
    for device in [Device::modern(), Device::legacy(), small(Device::modern()), small(Device::legacy())] {
        let (host, mut serial) = connected(device, 1);
        let sent: Vec<u8> = (0..if cfg!(miri) { 5000 } else { 20_000u32 }).map(|i| (i % 251) as u8).collect();
        host.device().write(1, &sent);
        let (mut received, mut buffer) = (Vec::new(), [0; 777]);
        loop {
            match serial.receive(&mut buffer) {
                0 => break,
                count => received.extend_from_slice(&buffer[..count]),
            }
        }
        assert!(received == sent, "{} bytes arrived", received.len());

        let mut rest = &sent[..];
        while !rest.is_empty() {
            let count = serial.send(rest);
            assert!((1..=4096).contains(&count));
            rest = &rest[count..];
        }
        assert!(host.device().read(1) == sent);
    }
}

#[test]
fn nothing_is_there_before_something_is_sent() {
    let (_host, mut serial) = connected(Device::modern(), 1);
    assert_eq!(serial.receive(&mut [0; 8]), 0);
    assert!(!serial.read_ready().unwrap());
    assert!(serial.write_ready().unwrap());
    assert_eq!(serial.receive(&mut []), 0);
    assert_eq!(serial.send(b""), 0);
}

#[test]
fn the_host_connects_disconnects_and_returns() {
    let (host, mut serial) = connected(Device::modern(), 1);
    assert!(serial.is_open());
    host.device().write(1, b"last words");
    host.device().disconnect(1);
    assert_eq!(host.settle(&mut serial), [Event::Closed]);
    assert!(!serial.is_open());
    assert_eq!(serial.receive(&mut [0; 64]), 10, "what was sent before the close is not lost");
    host.device().connect(1);
    assert_eq!(host.settle(&mut serial), [Event::Opened]);
    assert!(serial.is_open());
}

#[test]
fn a_disconnection_is_told_even_if_the_host_is_back_already() {
    let (host, mut serial) = connected(Device::modern(), 1);
    for _ in 0..3 {
        host.device().disconnect(1);
        host.device().connect(1);
    }
    assert_eq!(host.settle(&mut serial), [Event::Closed, Event::Opened]);
    assert!(serial.is_open());
}

#[test]
fn a_host_that_does_not_read_holds_one_buffer_and_nothing_else() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().throttle(1, true);
    assert_eq!(serial.send(&[b'x'; 5000]), 4096);
    assert_eq!(serial.send(b"more"), 0);
    assert!(!serial.write_ready().unwrap());

    // Meanwhile requests arrive, and ports come and go.
    host.device().write(1, b"request");
    assert_eq!(serial.receive(&mut [0; 64]), 7);
    host.device().plug(7, "com.example.other");
    assert_eq!(host.settle(&mut serial), []);
    assert_eq!(host.device().heard.last(), Some(&(7, PORT_READY, 1)));
    assert_eq!(host.device().read(1), b"");

    host.device().throttle(1, false);
    assert!(serial.write_ready().unwrap());
    assert_eq!(host.device().read(1).len(), 4096, "writable means that all is taken");
    assert_eq!(serial.send(b"more"), 4);
}

#[test]
fn a_busy_device_is_never_waited_for() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().busy = true;
    host.device().plug(5, "com.example.a");
    host.device().plug(6, "com.example.b");
    assert_eq!(host.settle(&mut serial), []);
    assert_eq!(serial.send(b"first"), 5);
    assert_eq!(serial.send(b"second"), 0);
    assert!(!host.device().heard.contains(&(5, PORT_READY, 1)));
    // One answer waits in the queue, the other one in the driver.
    host.device().run();
    assert!(host.device().heard.contains(&(5, PORT_READY, 1)));
    assert!(!host.device().heard.contains(&(6, PORT_READY, 1)));
    assert_eq!(host.settle(&mut serial), []);
    host.device().run();
    assert!(host.device().heard.contains(&(6, PORT_READY, 1)));
    assert_eq!(serial.send(b"second"), 6);
}

#[test]
fn a_device_that_wants_no_notifications_gets_none() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().queues.values_mut().for_each(|queue| queue.set_notify(false));
    let before = host.device().notified;
    assert_eq!(serial.send(b"quietly"), 7);
    assert_eq!(host.device().notified, before);
    host.device().run();
    assert_eq!(host.device().read(1), b"quietly");
}

#[test]
fn a_device_is_notified_of_buffers_it_has_run_out_of() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().write(1, &[7; 8 * 512 + 1]);
    assert_eq!(host.device().port(1).to_guest.len(), 1, "eight buffers of 512 bytes");
    // Half of them are enough.
    for _ in 0..4 {
        assert_eq!(host.device().port(1).to_guest.len(), 1);
        assert_eq!(serial.receive(&mut [0; 512]), 512);
    }
    assert_eq!(host.device().port(1).to_guest.len(), 0);
}

#[test]
fn a_device_that_has_buffers_is_not_notified_of_each_that_comes_back() {
    let (host, mut serial) = connected(Device::modern(), 1);
    let before = host.device().notified;
    for _ in 0..8 {
        host.device().write(1, b"request");
        assert_eq!(serial.receive(&mut [0; 512]), 7);
    }
    assert_eq!(host.device().notified, before + 2);
}

#[test]
fn without_a_listener_bytes_are_dropped_at_once() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().throttle(1, true);
    assert_eq!(serial.send(b"held"), 4);
    host.device().disconnect(1);
    assert_eq!(host.settle(&mut serial), [Event::Closed]);
    assert_eq!(serial.send(&[0; 9000]), 9000);
    assert!(serial.write_ready().unwrap());
    host.device().throttle(1, false);
    host.device().connect(1);
    assert_eq!(host.settle(&mut serial), [Event::Opened]);
    assert_eq!(serial.send(b"heard"), 5);
    assert_eq!(host.device().read(1), b"heard");
}

/// QEMU forgets the buffer that it holds for a host that leaves, and nothing could be sent to any other.
#[test]
fn regression_a_buffer_that_the_device_never_gives_back_is_got_back_by_a_reset() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().port(1).forgetful = true;
    for back_at_once in [false, true] {
        host.device().throttle(1, true);
        assert_eq!(serial.send(b"unread"), 6);
        host.device().write(1, b"half a requ");
        host.device().disconnect(1);
        host.device().throttle(1, false);
        if !back_at_once {
            assert_eq!(host.settle(&mut serial), [Event::Removed, Event::Found]);
            // Nobody is there whose reply could be lost: it is not kept for the next one.
            assert_eq!((serial.unread(), serial.receive(&mut [0; 64])), (1, 11));
        }
        host.device().connect(1);
        host.device().write(1, b"request");
        let events = host.settle(&mut serial);
        assert!(events.ends_with(&[Event::Opened]), "{events:?}");
        if back_at_once {
            // Of the first host, and of the next; which is which, the reader has to find out.
            assert_eq!((serial.unread(), serial.receive(&mut [0; 64])), (2, 11));
        }
        assert_eq!((serial.unread(), serial.receive(&mut [0; 64])), (1, 7));
        assert_eq!((serial.unread(), serial.send(b"news")), (0, 4));
        assert_eq!(host.device().read(1), b"news");
    }
}

/// QEMU drops what it finds no buffer for: a host that came after many others had come and gone was never known to be there.
#[test]
fn regression_a_host_whose_coming_was_lost_is_answered() {
    let (host, mut serial) = connected(Device::modern(), 1);
    for _ in 0..15 {
        host.device().disconnect(1);
        host.device().connect(1);
    }
    host.device().disconnect(1);
    host.device().tell(9, PORT_REMOVE, 1, b"");
    assert_eq!(host.device().lost_messages, 0);
    host.device().connect(1);
    assert_eq!(host.device().lost_messages, 1);
    host.device().write(1, b"request");
    assert_eq!(host.settle(&mut serial), [Event::Removed, Event::Found, Event::Opened]);
    assert_eq!((serial.unread(), serial.receive(&mut [0; 64])), (1, 7));
    assert_eq!(serial.send(b"reply"), 5);
    assert_eq!(host.device().read(1), b"reply");
}

/// Those that came between two looks were answered while nobody seemed to be there, which is to say not at all.
#[test]
fn regression_bytes_of_a_new_host_do_not_come_before_its_coming() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().disconnect(1);
    assert_eq!(host.settle(&mut serial), [Event::Closed]);
    host.device().connect(1);
    host.device().write(1, b"request");
    assert!(!serial.read_ready().unwrap());
    assert_eq!(serial.receive(&mut [0; 16]), 0);
    assert_eq!(serial.poll(), Some(Event::Opened));
    assert_eq!(serial.receive(&mut [0; 16]), 7);
}

#[test]
fn blocking_writes_end_when_the_host_goes_and_the_event_is_kept() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().throttle(1, true);
    assert_eq!(serial.write(b"held").unwrap(), 4);
    // A device that keeps the buffer even though its host is gone.
    host.device().port(1).forgetful = true;
    host.device().disconnect(1);
    assert_eq!(serial.write(b"dropped").unwrap(), 7);
    serial.flush().unwrap();
    assert_eq!(serial.poll(), Some(Event::Removed));

    assert_eq!(host.settle(&mut serial), [Event::Found]);
    host.device().connect(1);
    assert_eq!(host.settle(&mut serial), [Event::Opened]);
    assert_eq!(serial.write(b"held").unwrap(), 4);
    assert!(!serial.write_ready().unwrap());
    host.device().tell(1, PORT_REMOVE, 1, b"");
    serial.flush().unwrap();
    assert_eq!(serial.poll(), Some(Event::Removed));
}

#[test]
fn a_blocking_read_gets_what_comes_together_with_the_end() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().meanwhile = Some(|device| {
        device.write(1, b"bye");
        device.disconnect(1);
    });
    assert_eq!(serial.read(&mut [0; 8]).unwrap(), 3);
    assert_eq!(serial.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn who_only_reads_and_writes_gets_a_connection_too() {
    let mut device = Device::modern().with_port(2, AGENT);
    device.port(2).host_open = true;
    let host = Host::new(device);
    let mut serial = host.start().unwrap();
    // Two looks: one finds the port, one brings up its queues.
    while serial.write(b"?").unwrap() > 0 && host.device().read(2).is_empty() {}
    host.device().write(2, b"!");
    assert_eq!(serial.read(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn blocking_reads_give_what_is_there_and_then_the_end() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().write(1, b"abcdef");
    let mut buffer = [0; 4];
    assert_eq!(serial.read(&mut buffer).unwrap(), 4);
    assert!(serial.read_ready().unwrap());
    host.device().disconnect(1);
    assert_eq!(serial.read(&mut buffer).unwrap(), 2);
    assert_eq!(&buffer[..2], b"ef");
    assert_eq!(serial.read(&mut buffer).unwrap(), 0);
    assert_eq!(serial.read(&mut []).unwrap(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    HostWrites(usize),
    GuestReceives(usize),
    GuestSends(usize),
    HostThrottles(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        prop_oneof![
            (0..3000usize).prop_map(Step::HostWrites),
            (0..3000usize).prop_map(Step::GuestReceives),
            (0..6000usize).prop_map(Step::GuestSends),
            any::<bool>().prop_map(Step::HostThrottles),
        ],
        0..if cfg!(miri) { 10 } else { 60 },
    )
}

fn pattern(offset: usize, length: usize) -> Vec<u8> {
    (offset..offset + length).map(|i| (i % 253) as u8).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 64 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn however_it_is_split_all_bytes_arrive_in_order(steps in steps(), legacy: bool) {
        let (host, mut serial) = connected(if legacy { Device::legacy() } else { Device::modern() }, 1);
        let (mut written, mut sent) = (0, 0);
        let (mut received, mut read) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::HostWrites(length) => {
                    host.device().write(1, &pattern(written, length));
                    written += length;
                }
                Step::GuestReceives(length) => {
                    let mut buffer = vec![0; length];
                    let count = serial.receive(&mut buffer);
                    received.extend_from_slice(&buffer[..count]);
                }
                Step::GuestSends(length) => sent += serial.send(&pattern(sent, length)),
                Step::HostThrottles(throttled) => host.device().throttle(1, throttled),
            }
            prop_assert_eq!(host.settle(&mut serial), []);
        }
        host.device().throttle(1, false);
        read.extend(host.device().read(1));
        let mut buffer = [0; 1000];
        while let count @ 1.. = serial.receive(&mut buffer) {
            received.extend_from_slice(&buffer[..count]);
        }
        prop_assert!(received == pattern(0, written));
        prop_assert!(read == pattern(0, sent));
    }
}

#[test]
fn what_was_given_until_now_takes_so_many_reads() {
    let (host, mut serial) = connected(Device::modern(), 1);
    assert_eq!(serial.unread(), 0);
    host.device().write(1, b"from one host");
    host.device().disconnect(1);
    host.device().connect(1);
    host.device().write(1, b"from the next");
    assert_eq!(host.settle(&mut serial), [Event::Closed, Event::Opened]);
    assert_eq!(serial.unread(), 2);
    assert_eq!(serial.receive(&mut [0; 4]), 4);
    assert_eq!(serial.unread(), 2, "the rest of the first is one of them");
    assert_eq!(serial.receive(&mut [0; 64]), 9);
    assert_eq!(serial.receive(&mut [0; 64]), 13);
    assert_eq!(serial.unread(), 0);
}
