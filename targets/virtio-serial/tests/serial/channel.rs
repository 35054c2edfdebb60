//! The port as a channel of the engine.

use nanoqga::serve::{Channel, HostChange};
use virtio_serial::Error;

use crate::bench::{Host, connected};
use crate::device::*;

#[test]
fn hosts_that_come_and_go_are_one_change_with_what_is_unread() {
    let (host, mut serial) = connected(Device::modern(), 1);
    assert_eq!(serial.host_change(), Ok(None));
    host.device().write(1, b"from one host");
    host.device().disconnect(1);
    host.device().connect(1);
    host.device().write(1, b"from the next");
    assert_eq!(serial.host_change(), Ok(Some(HostChange { unread: 2 })));
    assert_eq!(serial.host_change(), Ok(None));
}

#[test]
fn the_first_host_is_a_change() {
    let mut device = Device::modern().with_port(1, AGENT);
    device.port(1).host_open = true;
    let host = Host::new(device);
    let mut serial = host.start().unwrap();
    assert_eq!(serial.host_change(), Ok(Some(HostChange { unread: 0 })));
    assert!(serial.is_open());
}

#[test]
fn the_channel_is_drained_when_the_device_has_taken_all() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().throttle(1, true);
    assert_eq!(serial.is_drained(), Ok(true));
    assert_eq!(serial.send(b"reply"), 5);
    assert_eq!(serial.is_drained(), Ok(false));
    host.device().throttle(1, false);
    assert_eq!(serial.is_drained(), Ok(true));
    assert_eq!(host.device().read(1), b"reply");
}

#[test]
fn a_failure_of_the_device_is_the_channels_error() {
    let (host, mut serial) = connected(Device::modern(), 1);
    host.device().status |= NEEDS_RESET;
    host.device().interrupt = 2;
    assert_eq!(serial.host_change(), Err(Error::NeedsReset));
    assert_eq!(serial.is_drained(), Err(Error::NeedsReset));
}
