//! Bytes that are kept over a reset, which host they are of, and what follows them.

use embedded_io::{ReadReady, Write, WriteReady};
use proptest::prelude::*;
use virtio_serial::Event;

use crate::bench::{Host, Serial, connected};
use crate::device::*;
use crate::memory::{PageLimit, pages_in_use};

/// The host writes, is sent something, and leaves without having read it. QEMU never returns the buffer.
fn leaves_unread(host: &Host, serial: &mut Serial, bytes: &[u8]) {
    host.device().port(1).forgetful = true;
    host.device().throttle(1, true);
    assert_eq!(serial.send(b"never read"), 10);
    host.device().write(1, bytes);
    host.device().disconnect(1);
    host.device().throttle(1, false);
}

/// All bytes that can be received, as a main loop does: it polls before it receives.
fn receive_all(host: &Host, serial: &mut Serial) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buffer = [0; 512];
    loop {
        host.settle(serial);
        match serial.receive(&mut buffer) {
            // A reset may have been waiting for this.
            0 if host.device().interrupt == 0 => return received,
            count => received.extend_from_slice(&buffer[..count]),
        }
    }
}

/// 1,024 bytes of the first host were lost, and the second one's taken for their continuation.
#[test]
fn regression_a_second_host_that_leaves_unread_does_not_cut_the_first_one_short() {
    let _limit = PageLimit::new(15);
    let (host, mut serial) = connected(Device::modern(), 1);
    leaves_unread(&host, &mut serial, &[b'A'; 1536]);
    assert_eq!(host.settle(&mut serial), [Event::Removed, Event::Found]);
    assert_eq!(serial.receive(&mut [0; 512]), 512);

    host.device().connect(1);
    assert_eq!(host.settle(&mut serial), [Event::Opened]);
    leaves_unread(&host, &mut serial, &[b'B'; 700]);
    assert_eq!(host.settle(&mut serial), [Event::Closed]);
    assert_eq!(serial.unread(), 4, "two buffers of the first host, two of the second");
    assert_eq!(pages_in_use(), 15);

    let received = receive_all(&host, &mut serial);
    assert!(received == [[b'A'; 1024].as_slice(), &[b'B'; 700]].concat(), "{} bytes", received.len());
    assert_eq!((serial.unread(), pages_in_use()), (0, 12));
    assert_eq!(host.device().resets, 3);
}

#[test]
fn a_host_that_comes_while_bytes_are_kept_is_answered_once_they_are_read() {
    let (host, mut serial) = connected(Device::modern(), 1);
    leaves_unread(&host, &mut serial, &[b'A'; 1000]);
    assert_eq!(host.settle(&mut serial), [Event::Removed, Event::Found]);
    host.device().connect(1);
    assert_eq!(host.settle(&mut serial), [Event::Opened]);
    leaves_unread(&host, &mut serial, b"");
    host.device().connect(1);
    host.device().write(1, b"request");
    assert_eq!(host.settle(&mut serial), [Event::Closed, Event::Opened]);

    // A reply to the first host, which has left. Nobody waits for ever for a buffer to send it in.
    assert!(serial.write_ready().unwrap());
    assert_eq!(serial.write(b"too late").unwrap(), 8);
    serial.flush().unwrap();
    assert_eq!(serial.receive(&mut [0; 512]), 512);
    assert_eq!(serial.receive(&mut [0; 512]), 488);
    assert!(!serial.read_ready().unwrap(), "the reset comes before the next host's bytes");
    assert_eq!(host.settle(&mut serial), [Event::Removed, Event::Found, Event::Opened]);

    assert_eq!(serial.unread(), 1);
    assert_eq!(serial.receive(&mut [0; 512]), 7);
    assert_eq!(serial.send(b"reply"), 5);
    assert_eq!(host.device().read(1), b"reply");
}

/// The other reason for a reset: hosts came and went, and the device had no buffer left to say which is there.
#[test]
fn lost_messages_wait_until_kept_bytes_are_read() {
    let (host, mut serial) = connected(Device::modern(), 1);
    leaves_unread(&host, &mut serial, &[b'A'; 1536]);
    assert_eq!(host.settle(&mut serial), [Event::Removed, Event::Found]);
    for _ in 0..16 {
        host.device().connect(1);
        host.device().write(1, b"B");
        host.device().disconnect(1);
    }
    host.device().connect(1);
    assert_eq!(host.device().lost_messages, 1);
    host.device().write(1, b"request");
    assert_eq!(host.settle(&mut serial), []);
    let received = receive_all(&host, &mut serial);
    assert!(received.starts_with(&[b'A'; 1536]));
    assert!(received.ends_with(b"BBrequest"));
    assert_eq!(received.len(), 1536 + 16 + 7);
    assert!(serial.is_open());
    assert_eq!(serial.send(b"reply"), 5);
    assert_eq!(host.device().read(1), b"reply");
}

/// The queues that were not kept held their pages while new ones were allocated: the device failed where 12 pages were left.
#[test]
fn regression_without_pages_to_keep_bytes_in_the_rest_is_dropped_and_the_next_host_is_served() {
    let _limit = PageLimit::new(12);
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().write(1, &[b'A'; 1536]);
    assert_eq!(serial.receive(&mut [0; 512]), 512);
    leaves_unread(&host, &mut serial, b"");
    assert_eq!(serial.poll(), Some(Event::Removed));
    assert_eq!(serial.unread(), 0);
    host.settle(&mut serial);
    host.device().connect(1);
    host.device().write(1, b"request");
    assert_eq!(host.settle(&mut serial), [Event::Opened]);
    let mut buffer = [0; 512];
    assert_eq!(serial.receive(&mut buffer), 7);
    assert_eq!(&buffer[..7], b"request");
}

#[derive(Clone, Debug)]
enum Step {
    Connects,
    Leaves,
    Writes(usize),
    IsSent,
    Receives(usize),
    Polls,
    OtherMessages(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Connects),
        2 => Just(Step::Leaves),
        3 => (0..1200usize).prop_map(Step::Writes),
        3 => Just(Step::IsSent),
        3 => (0..1200usize).prop_map(Step::Receives),
        3 => Just(Step::Polls),
        1 => (0..40usize).prop_map(Step::OtherMessages),
    ];
    prop::collection::vec(step, 0..if cfg!(miri) { 12 } else { 80 })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn hosts_that_come_and_leave_unread_lose_no_bytes(steps in steps()) {
        let (host, mut serial) = connected(Device::modern(), 1);
        host.device().port(1).forgetful = true;
        host.device().throttle(1, true);
        let (mut written, mut received) = (Vec::new(), Vec::new());
        let mut buffer = [0; 2000];
        for step in steps {
            let is_open = host.device().port(1).host_open;
            match step {
                Step::Connects if !is_open => host.device().connect(1),
                Step::Leaves if is_open => host.device().disconnect(1),
                Step::Writes(length) if is_open => {
                    let bytes: Vec<u8> = (written.len()..written.len() + length).map(|i| (i % 253) as u8).collect();
                    host.device().write(1, &bytes);
                    written.extend(bytes);
                }
                Step::IsSent => _ = serial.send(b"never read"),
                Step::Receives(length) => {
                    let count = serial.receive(&mut buffer[..length]);
                    received.extend_from_slice(&buffer[..count]);
                }
                Step::Polls => _ = host.settle(&mut serial),
                Step::OtherMessages(count) => (0..count).for_each(|_| host.device().tell(9, 99, 1, b"")),
                _ => {}
            }
            prop_assert!([12, 15].contains(&pages_in_use()));
        }
        received.extend(receive_all(&host, &mut serial));
        prop_assert_eq!(serial.failure(), None);
        prop_assert!(received == written, "{} of {} bytes", received.len(), written.len());
    }
}
