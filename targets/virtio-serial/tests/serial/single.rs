//! Devices with a single port, which is a terminal mostly: used only by a driver that was told so.

use embedded_io::{ReadReady, Write, WriteReady};
use virtio_serial::{Error, Event};

use crate::bench::{Host, Serial, connected};
use crate::device::*;
use crate::memory::pages_in_use;

/// Devices that have one port: those without the feature, over both layouts, and one that has it and a single port.
fn all() -> [Device; 3] {
    [Device::modern().single(), Device::legacy().single(), Device { max_ports: 1, ..Device::modern().with_port(0, "") }]
}

fn started(device: Device) -> (Host, Serial) {
    let host = Host::new(device);
    let mut serial = host.start_single().unwrap();
    assert_eq!(host.settle(&mut serial), [Event::Found, Event::Opened]);
    host.device().port(0).host_open = true;
    (host, serial)
}

#[test]
fn bytes_pass_both_ways() {
    for device in all() {
        let (host, mut serial) = started(device);
        assert_eq!((serial.port(), serial.is_open(), pages_in_use()), (Some(0), true, 6));
        assert_eq!(host.device().accepted & MULTIPORT, 0);
        assert_eq!(host.device().heard, [], "nothing was said on queues that do not exist");

        host.device().write(0, &[b'x'; 3000]);
        let (mut received, mut buffer) = (Vec::new(), [0; 512]);
        while serial.read_ready().unwrap() {
            let count = serial.receive(&mut buffer);
            received.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(received, [b'x'; 3000]);
        assert_eq!(serial.send(&[b'y'; 5000]), 4096);
        serial.flush().unwrap();
        assert_eq!(host.device().read(0), [b'y'; 4096]);
    }
}

#[test]
fn what_a_host_sent_before_the_driver_started_is_there() {
    let host = Host::new(Device::modern().single());
    host.device().write(0, b"early");
    let mut serial = host.start_single().unwrap();
    host.device().run();
    assert_eq!(serial.receive(&mut [0; 8]), 5);
}

#[test]
fn a_host_that_does_not_read_is_waited_for_by_nobody() {
    let (host, mut serial) = started(Device::modern().single());
    host.device().throttle(0, true);
    assert_eq!(serial.send(b"first"), 5);
    assert!(!serial.write_ready().unwrap());
    host.device().write(0, b"request");
    assert_eq!(serial.receive(&mut [0; 64]), 7);
    host.device().throttle(0, false);
    assert!(serial.write_ready().unwrap());
}

#[test]
fn it_is_found_again_after_a_restart() {
    let (host, mut serial) = started(Device::modern().single());
    serial.stop();
    assert_eq!((pages_in_use(), serial.port(), serial.is_open()), (0, None, false));
    serial.restart();
    assert_eq!(host.settle(&mut serial), [Event::Removed, Event::Found, Event::Opened]);
    host.device().port(0).host_open = true;
    assert_eq!(serial.send(b"again"), 5);
    assert_eq!(host.device().read(0), b"again");
}

#[test]
fn a_port_that_has_a_name_is_found_by_it() {
    for mut device in [Device::modern(), Device::legacy()] {
        device.ports.insert(0, Port { console: true, ..Port::default() });
        let host = Host::new(device.with_port(1, AGENT));
        let mut serial = host.start_single().unwrap();
        assert_eq!(host.settle(&mut serial), [Event::Found]);
        assert_eq!(serial.port(), Some(1));
        host.device().connect(1);
        assert_eq!(host.settle(&mut serial), [Event::Opened]);
        assert_eq!(serial.send(b"x"), 1);
        assert_eq!(host.device().read(1), b"x");
        assert_eq!(host.device().read(0), b"", "the terminal is left alone");
    }
}

#[test]
fn a_driver_that_was_not_told_so_leaves_a_terminal_alone() {
    for device in [Device::modern().single(), Device::legacy().single()] {
        let host = Host::new(device);
        assert_eq!(host.start().err(), Some(Error::NoMultiport));
        assert_eq!((host.device().status, pages_in_use()), (0, 0));
    }
    // One with a single port may have the agent's.
    let (host, mut serial) = connected(Device { max_ports: 1, ..Device::modern() }, 0);
    assert_eq!((serial.port(), serial.send(b"x")), (Some(0), 1));
    assert_eq!(host.device().read(0), b"x");
}
