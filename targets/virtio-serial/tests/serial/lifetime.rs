//! Memory and the device's state, from the first page to the last.

use virtio_serial::{Error, Event};

use crate::bench::{Host, connected};
use crate::device::*;
use crate::memory::{PageLimit, pages_in_use};

#[test]
fn twelve_pages_serve_any_number_of_ports_and_all_come_back() {
    for device in [Device::modern(), Device::legacy()] {
        let _limit = PageLimit::new(12);
        // As many ports as the control queue has buffers for their announcements.
        let mut device = Device { max_ports: 511, ..device };
        for id in 0..31 {
            device = device.with_port(id, "com.example.other");
        }
        // The second initialisation, for port 510, must do with the pages of the first one.
        let (host, mut serial) = connected(device, 510);
        assert_eq!(pages_in_use(), 12);
        assert_eq!(serial.send(b"x"), 1);
        assert_eq!(host.device().read(510), b"x");
        assert_eq!(host.device().lost_messages, 0);
        drop(serial);
        assert_eq!(pages_in_use(), 0);
    }
}

#[test]
fn the_device_is_reset_before_its_memory_is_freed() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().throttle(1, true);
    assert_eq!(serial.send(b"still in flight"), 15);
    // `TestHal` refuses to free what a live device may use.
    drop(serial);
    assert_eq!(host.device().status, 0);
    assert!(!host.device().port(1).guest_open);
}

#[test]
fn a_driver_can_be_moved_while_the_device_holds_its_buffers() {
    let (host, serial) = connected(Device::modern(), 1);
    let mut moved = Box::new(serial);
    host.device().write(1, b"found you");
    let mut buffer = [0; 9];
    assert_eq!(moved.receive(&mut buffer), 9);
    assert_eq!(&buffer, b"found you");
}

#[test]
fn a_device_can_be_driven_again() {
    let (host, serial) = connected(Device::modern(), 3);
    drop(serial);
    let mut serial = host.start().unwrap();
    assert_eq!(host.settle(&mut serial), [Event::Found, Event::Opened]);
}

#[test]
fn a_driver_that_was_stopped_starts_again_over_a_device_that_was_reset_meanwhile() {
    let _limit = PageLimit::new(12);
    let (host, mut serial) = connected(Device::modern(), 3);
    for _ in 0..3 {
        host.device().write(3, b"half a requ");
        serial.stop();
        assert_eq!((pages_in_use(), host.device().status), (0, 0));
        assert_eq!(host.settle(&mut serial), [Event::Removed]);
        assert_eq!((serial.port(), serial.is_open(), serial.send(b"to nobody")), (None, false, 9));
        host.device().set_status(0);
        serial.restart();
        assert_eq!(serial.failure(), None);
        assert_eq!(host.settle(&mut serial), [Event::Found, Event::Opened]);
        assert_eq!((serial.receive(&mut [0; 16]), pages_in_use()), (0, 12));
        assert_eq!(serial.send(b"x"), 1);
    }
}

#[test]
fn too_few_pages_are_an_error_and_none_is_kept() {
    for pages in 0..12 {
        let _limit = PageLimit::new(pages);
        let host = Host::new(Device::modern().with_port(1, AGENT));
        assert_eq!(host.start().unwrap_err(), Error::NoMemory);
        assert_eq!(pages_in_use(), 0);
        assert_eq!(host.device().status, 0);
    }
}

#[test]
#[cfg_attr(miri, ignore = "the leak is what is wanted")]
fn memory_of_a_device_that_does_not_stop_is_not_used_again() {
    // A thread of its own, as the pages stay lost.
    let test = || {
        let (host, serial) = connected(Device::modern(), 1);
        host.device().reset_sticks = true;
        drop(serial);
        assert_eq!(pages_in_use(), 12);
    };
    std::thread::spawn(test).join().unwrap();
}
