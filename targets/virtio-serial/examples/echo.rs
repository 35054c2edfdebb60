//! A task that sends back what hosts write, an interrupt handler that only wakes it, and a device to try both without a hypervisor.
//!
//! `cargo run --package virtio-serial --example echo`
//!
//! The device is that of the driver's tests, which is written from the specification. In a kernel, `Hal` and `Registers` are
//! implemented by its memory and its device memory, and the rest of `main` stays.
#![allow(clippy::unwrap_used, dead_code, reason = "the device is for tests, which use more of it")]

#[path = "../tests/serial/bench.rs"]
mod bench;
#[path = "../tests/serial/device.rs"]
mod device;
#[path = "../tests/serial/memory.rs"]
mod memory;
#[path = "../tests/serial/queue.rs"]
mod queue;
#[path = "../tests/serial/registers.rs"]
mod registers;

use virtio_drivers::{Hal, transport::Transport};
use virtio_serial::transport::MmioTransport;
use virtio_serial::{Error, InterruptRegister, MAX_READ, VirtioSerial};

use crate::bench::Host;
use crate::device::Device;

/// The name of the port: `-device virtserialport,name=com.example.echo` of QEMU.
const PORT: &str = "com.example.echo";

/// Sends back what comes, until the device fails or `sleep` says that no interrupt will come.
fn echo<H: Hal, T: Transport>(driver: &mut VirtioSerial<H, T>, mut sleep: impl FnMut() -> bool) -> Result<(), Error> {
    let mut bytes = [0; MAX_READ];
    let mut rest = 0..0;
    loop {
        while let Some(event) = driver.poll() {
            println!("guest: {event:?}");
            // What was not sent yet is for a host that may have left. Bytes of that host may still come: a protocol that must tell
            // them from those of the next host asks `driver.unread()` here.
            rest = 0..0;
        }
        if rest.is_empty() {
            rest = 0..driver.receive(&mut bytes);
        }
        // This is 0 if there is nothing to send, or the device has not taken what was sent before.
        let sent = driver.send(&bytes[rest.clone()]);
        rest.start += sent;
        if let Some(error) = driver.failure() {
            return Err(error);
        }
        if sent == 0 && !sleep() {
            return Ok(());
        }
    }
}

fn main() {
    let host = Host::new(Device::modern().with_port(1, PORT));
    let transport = MmioTransport::new(registers::mmio(&host)).unwrap();
    let mut driver = VirtioSerial::<memory::TestHal, _>::new(transport, PORT).unwrap();
    // The interrupt handler's own access to the same registers.
    let handle = driver.interrupt_handle(InterruptRegister::Mmio(registers::mmio(&host))).unwrap();

    let visits: [fn(&mut Device); 7] = [
        |device| device.connect(1),
        |device| device.write(1, b"hello, "),
        |device| device.write(1, b"world"),
        |device| println!("host: read {:?}", String::from_utf8(device.read(1)).unwrap()),
        |device| device.disconnect(1),
        |device| device.connect(1),
        |device| device.write(1, b"I am another host"),
    ];
    let mut visits = visits.into_iter();
    let end = echo(&mut driver, || {
        // What the interrupt handler of a kernel does. It wakes the task if the interrupt was the device's.
        if handle.acknowledge() {
            return true;
        }
        // The guest sleeps until a host does something.
        visits.next().map(|step| step(&mut host.device())).is_some()
    });

    assert_eq!(end, Ok(()));
    let replies = host.device().read(1);
    println!("host: read {:?}", String::from_utf8(replies.clone()).unwrap());
    assert_eq!(replies, b"I am another host");
}

#[cfg(test)]
#[test]
fn the_echo_comes_back() {
    main();
}
