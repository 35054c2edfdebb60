//! How the named port is found, among others and whenever it comes.

use virtio_serial::{Error, Event};

use crate::bench::{Host, Serial, connected};
use crate::device::*;

/// A device with ports of other names on 1 to 15.
fn crowded(mut device: Device) -> Device {
    for id in 1..16 {
        device = device.with_port(id, &format!("com.example.{id}"));
    }
    device
}

const fn letters(bytes: &[u8]) -> &str {
    match str::from_utf8(bytes) {
        Ok(letters) => letters,
        Err(_) => panic!("not letters"),
    }
}

#[test]
fn a_lone_port_is_found_without_a_second_initialisation() {
    let (host, serial) = connected(Device::modern(), 1);
    assert_eq!(serial.port(), Some(1));
    let device = host.device();
    assert_eq!(device.resets, 1, "only the one before the initialisation");
    assert_eq!(device.heard, [(0, DEVICE_READY, 1), (1, PORT_READY, 1), (1, PORT_OPEN, 1)]);
    assert_eq!(device.queues.keys().copied().collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[test]
fn the_last_of_16_ports_is_found_and_no_other_is_opened() {
    for device in [Device::modern(), Device::legacy()] {
        let (host, serial) = connected(crowded(device), 16);
        assert_eq!(serial.port(), Some(16));
        let device = host.device();
        assert_eq!(device.resets, 2);
        assert_eq!(device.lost_messages, 0, "the driver left buffers for every message");
        let opened: Vec<_> = device.ports.iter().filter(|(_, port)| port.guest_open).map(|(id, _)| *id).collect();
        assert_eq!(opened, [16]);
        assert_eq!(device.queues.keys().copied().collect::<Vec<_>>(), [2, 3, 34, 35]);
    }
}

#[test]
fn no_message_is_lost_with_31_open_console_ports() {
    let mut device = Device::modern();
    for id in 0..31 {
        device = device.with_port(id, "com.example.console");
        *device.port(id) =
            Port { console: true, host_open: true, name: b"com.example.console".into(), ..Port::default() };
    }
    device.port(30).name = AGENT.into();
    let host = Host::new(device);
    let mut serial = host.start().unwrap();
    assert_eq!(host.settle(&mut serial), [Event::Found, Event::Opened]);
    assert_eq!(host.device().lost_messages, 0);
}

/// The device announces so many ports at once that it uses all buffers. That alone was taken for lost news of the host, upon each
/// reset again.
#[test]
fn regression_a_host_that_waits_behind_32_ports_is_found_without_endless_resets() {
    let mut device = Device { max_ports: 40, ..Device::modern() };
    for id in 0..31 {
        device = device.with_port(id, "com.example.other");
    }
    device = device.with_port(31, AGENT);
    device.port(31).host_open = true;
    let host = Host::new(device);
    let mut serial = host.start().unwrap();
    assert_eq!(host.settle(&mut serial), [Event::Found, Event::Opened]);
    assert_eq!(host.device().resets, 2);
    assert_eq!(host.device().lost_messages, 0);
}

#[test]
fn a_console_on_port_0_may_have_the_name() {
    let (host, mut serial) = connected(Device::modern(), 0);
    assert_eq!(serial.port(), Some(0));
    assert_eq!(serial.send(b"to queue 1"), 10);
    assert_eq!(host.device().read(0), b"to queue 1");
}

#[test]
fn a_device_with_one_port_only_has_it_on_0() {
    let (_, serial) = connected(Device { max_ports: 1, ..Device::modern() }, 0);
    assert_eq!(serial.port(), Some(0));
}

#[test]
fn the_name_may_end_in_a_nul_or_not() {
    for name_ends_in_nul in [true, false] {
        let (_, serial) = connected(Device { name_ends_in_nul, ..Device::modern() }, 2);
        assert_eq!(serial.port(), Some(2));
    }
}

#[test]
fn names_that_only_resemble_ours_are_not_taken() {
    for name in
        ["org.qemu.guest_agent.1", "org.qemu.guest_agent", "org.qemu.guest_agent.00", "", "\0", &"o".repeat(500)]
    {
        let host = Host::new(Device::modern().with_port(1, name));
        let mut serial = host.start().unwrap();
        assert_eq!(host.settle(&mut serial), [], "{name:?}");
        assert_eq!(serial.port(), None);
    }
}

#[test]
fn a_name_that_was_cut_to_the_buffer_is_not_taken_for_a_shorter_one() {
    const LONGEST: &str = letters(&[b'n'; 119]);
    let host = Host::new(Device::modern().with_port(1, &"n".repeat(300)).with_port(2, LONGEST));
    let mut serial = Serial::new(host.wire(), LONGEST).unwrap();
    assert_eq!(host.settle(&mut serial), [Event::Found]);
    assert_eq!(serial.port(), Some(2));
}

#[test]
fn the_first_of_two_ports_with_the_name_is_used_and_the_other_one_when_it_goes() {
    let host = Host::new(Device::modern().with_port(3, AGENT).with_port(5, AGENT));
    let mut serial = host.start().unwrap();
    assert_eq!(host.settle(&mut serial), [Event::Found]);
    assert_eq!(serial.port(), Some(3));
    host.device().unplug(3);
    assert_eq!(host.settle(&mut serial), [Event::Removed, Event::Found]);
    assert_eq!(serial.port(), Some(5));
    assert!(host.device().port(5).guest_open);
}

#[test]
fn a_port_plugged_in_later_is_found() {
    let host = Host::new(crowded(Device::modern()));
    let mut serial = host.start().unwrap();
    assert_eq!(host.settle(&mut serial), []);
    assert_eq!(serial.port(), None);
    host.device().plug(20, AGENT);
    assert_eq!(host.settle(&mut serial), [Event::Found]);
    host.device().connect(20);
    assert_eq!(host.settle(&mut serial), [Event::Opened]);
    host.device().write(20, b"hello");
    let mut buffer = [0; 16];
    assert_eq!(serial.receive(&mut buffer), 5);
}

#[test]
fn a_port_that_comes_back_carries_nothing_of_its_former_life() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().throttle(1, true);
    assert_eq!(serial.send(b"never read"), 10);
    host.device().write(1, b"never received");
    host.device().unplug(1);
    assert_eq!(host.settle(&mut serial), [Event::Removed]);
    assert_eq!((serial.port(), serial.is_open()), (None, false));
    assert_eq!(serial.receive(&mut [0; 64]), 0);

    host.device().plug(1, AGENT);
    host.device().connect(1);
    assert_eq!(host.settle(&mut serial), [Event::Found, Event::Opened]);
    host.device().write(1, b"new");
    let mut buffer = [0; 64];
    assert_eq!(serial.receive(&mut buffer), 3);
    assert_eq!(&buffer[..3], b"new");
    assert_eq!(serial.send(b"fresh"), 5);
    assert_eq!(host.device().read(1), b"fresh");
}

#[test]
fn other_ports_come_and_go_without_a_trace() {
    let (host, mut serial) = connected(Device::modern(), 4);
    let resets = host.device().resets;
    host.device().plug(9, "com.example.other");
    assert_eq!(host.settle(&mut serial), []);
    host.device().unplug(9);
    assert_eq!(host.settle(&mut serial), []);
    assert_eq!(host.device().resets, resets);
    assert!(serial.is_open());
}

#[test]
fn a_host_that_is_open_before_the_name_is_told_is_seen() {
    let host = Host::new(Device::modern().with_port(1, ""));
    let mut serial = host.start().unwrap();
    assert_eq!(host.settle(&mut serial), []);
    host.device().connect(1);
    assert_eq!(host.settle(&mut serial), []);
    assert!(!serial.is_open());
    host.device().tell(1, PORT_NAME, 1, AGENT.as_bytes());
    assert_eq!(host.settle(&mut serial), [Event::Found, Event::Opened]);
}

#[test]
fn an_open_host_of_another_port_is_not_ours() {
    let mut device = Device::modern().with_port(1, "com.example.other").with_port(2, AGENT);
    device.port(1).host_open = true;
    let host = Host::new(device);
    let mut serial = host.start().unwrap();
    assert_eq!(host.settle(&mut serial), [Event::Found]);
    assert!(!serial.is_open());
}

#[test]
fn a_port_is_ready_before_it_is_opened() {
    let host = Host::new(Device::modern());
    let mut serial = host.start().unwrap();
    host.device().plug(1, AGENT);
    // The device does not wait to be asked for the name.
    host.device().tell(1, PORT_NAME, 1, AGENT.as_bytes());
    assert_eq!(host.settle(&mut serial), [Event::Found]);
    assert_eq!(host.device().heard, [(0, DEVICE_READY, 1), (1, PORT_READY, 1), (1, PORT_OPEN, 1)]);
}

/// The device would take the message for the next port of that number.
#[test]
fn nothing_is_said_of_a_port_that_has_gone_in_the_meantime() {
    let host = Host::new(Device { busy: true, ..Device::modern() });
    let mut serial = host.start().unwrap();
    for id in [7, 9] {
        host.device().plug(id, "com.example.other");
        serial.poll();
    }
    host.device().unplug(9);
    serial.poll();
    host.device().busy = false;
    host.device().run();
    host.settle(&mut serial);
    assert_eq!(host.device().heard, [(0, DEVICE_READY, 1), (7, PORT_READY, 1)]);
}

#[test]
fn what_cannot_work_is_refused_with_the_reason() {
    let modern = Device::modern;
    let cases: [(Device, Error); 8] = [
        (Device { offered: VERSION_1, ..modern() }, Error::NoMultiport),
        (Device { offered: MULTIPORT, ..modern() }, Error::Features),
        (Device { refuses_features: true, ..modern() }, Error::Features),
        (Device { device_type: 2, ..modern() }, Error::NotAConsole),
        (Device { control_queue_size: 0, ..modern() }, Error::QueueTooSmall),
        (Device { data_queue_size: 0, ..modern() }, Error::QueueTooSmall),
        (Device { max_ports: 0, ..modern() }, Error::Config),
        (Device { reset_sticks: true, status: ACKNOWLEDGE, ..modern() }, Error::NoReset),
    ];
    for (device, error) in cases {
        let host = Host::new(device);
        assert_eq!(host.start().unwrap_err(), error);
        assert_eq!(host.device().status & DRIVER_OK, 0);
    }
}

#[test]
fn a_name_no_port_can_have_is_refused() {
    let host = Host::new(Device::modern());
    const TOO_LONG: &str = letters(&[b'n'; 120]);
    for name in ["", "with\0nul", TOO_LONG] {
        assert_eq!(Serial::new(host.wire(), name).unwrap_err(), Error::BadName);
    }
}

#[test]
fn only_what_is_needed_is_negotiated() {
    let (host, _serial) = connected(Device::modern(), 1);
    assert_eq!(host.device().accepted, MULTIPORT | VERSION_1);
    let (host, _serial) = connected(Device::legacy(), 1);
    assert_eq!(host.device().accepted, MULTIPORT);
}

#[test]
fn a_device_behind_an_iommu_is_accepted() {
    let modern = Device::modern();
    let (host, _serial) = connected(Device { offered: modern.offered | ACCESS_PLATFORM, ..modern }, 1);
    assert_eq!(host.device().accepted, MULTIPORT | VERSION_1 | ACCESS_PLATFORM);
    // The legacy interface has no such bit.
    let legacy = Device::legacy();
    let (host, _serial) = connected(Device { offered: legacy.offered | ACCESS_PLATFORM, ..legacy }, 1);
    assert_eq!(host.device().accepted, MULTIPORT);
}

#[test]
fn queues_have_at_most_the_size_that_the_device_allows() {
    for (control_queue_size, data_queue_size, sizes) in
        [(2, 4, [2, 2, 4, 4]), (32, 128, [32, 32, 32, 32]), (24, 1024, [16, 16, 32, 32])]
    {
        let (host, _serial) = connected(Device { control_queue_size, data_queue_size, ..Device::modern() }, 1);
        assert_eq!(host.device().queues.values().map(|queue| queue.size).collect::<Vec<_>>(), sizes);
    }
    // A legacy device on PCI has queues of one size, and that is the whole of it.
    let (host, _serial) = connected(Device::legacy(), 1);
    assert_eq!(host.device().queues.values().map(|queue| queue.size).collect::<Vec<_>>(), [32, 32, 128, 128]);
}

#[test]
fn a_driver_knows_when_all_ports_have_been_named() {
    for device in [Device::modern(), crowded(Device::modern()), crowded(Device::modern()).with_port(16, AGENT)] {
        let host = Host::new(Device { busy: true, ..device });
        let mut serial = host.start().unwrap();
        assert!((0..100).all(|_| serial.poll().is_none() && !serial.is_settled()), "the device has answered nothing");
        for _ in 0..100 {
            host.device().run();
            let found = serial.poll().is_some();
            if found || serial.is_settled() {
                break;
            }
        }
        assert!(serial.port().is_some() || serial.is_settled());
        assert_eq!(serial.port().is_some(), host.device().ports.values().any(|port| port.name == AGENT.as_bytes()));
    }
}

#[test]
fn a_device_is_notified_of_buffers_when_it_knows_the_port_open() {
    // It may take only that as the sign to ask the host for what it has sent before.
    let host = Host::new(Device::modern().with_port(1, AGENT));
    let mut serial = host.start().unwrap();
    host.settle(&mut serial);
    assert!(host.device().notified_of_open_port);
}

#[test]
fn a_reason_is_told_in_words() {
    let errors = [
        Error::BadName,
        Error::Config,
        Error::Features,
        Error::NeedsReset,
        Error::NoMemory,
        Error::NoMultiport,
        Error::NoReset,
        Error::NotAConsole,
        Error::QueueTooSmall,
        Error::RingCorrupt,
    ];
    let mut told: Vec<_> = errors.iter().map(Error::to_string).collect();
    assert!(told.iter().zip(errors).all(|(words, error)| words == error.reason() && words.contains(' ')), "{told:?}");
    told.sort();
    told.dedup();
    assert_eq!(told.len(), errors.len(), "each has words of its own");
    let (_host, serial) = connected(Device::modern(), 3);
    assert!(format!("{serial:?}").contains("port: Some(3), is_open: true, failure: None"), "{serial:?}");
}
