//! A handle that acknowledges interrupts apart from the driver.

use virtio_drivers::transport::Transport;
use virtio_serial::transport::{MappedRegisters, TransportError};
use virtio_serial::{Error, Event, InterruptHandle, InterruptRegister, VirtioSerial};

use crate::bench::{Host, Serial, connected};
use crate::device::*;
use crate::registers::{Part, Window, mmio, mmio_transport, window};

fn registers(host: &Host) -> [InterruptRegister<Window>; 2] {
    [InterruptRegister::Pci(window(host, Part::Isr)), InterruptRegister::Mmio(mmio(host))]
}

/// What a kernel does whose handler only wakes the driver: polls once for each interrupt.
fn settle(host: &Host, handle: &InterruptHandle<Window>, serial: &mut Serial) -> Vec<Event> {
    let mut events = Vec::new();
    while handle.acknowledge() {
        assert_eq!(host.device().interrupt, 0);
        while let Some(event) = serial.poll() {
            events.push(event);
        }
    }
    events
}

#[test]
fn the_handle_acknowledges_what_the_driver_then_finds() {
    for register in [0, 1] {
        let (host, mut serial) = connected(Device::modern(), 1);
        let [pci, mmio] = registers(&host);
        let handle = serial.interrupt_handle(if register == 0 { pci } else { mmio }).unwrap();
        assert!(!handle.acknowledge(), "an interrupt of another device");
        host.device().write(1, b"request");
        host.device().disconnect(1);
        assert_eq!(settle(&host, &handle, &mut serial), [Event::Closed]);
        assert_eq!(serial.receive(&mut [0; 16]), 7);
        host.device().connect(1);
        assert_eq!(settle(&host, &handle, &mut serial), [Event::Opened]);
        assert_eq!(serial.send(b"reply"), 5);
        assert_eq!(host.device().read(1), b"reply");
    }
}

#[test]
fn with_a_handle_polling_leaves_interrupts_alone() {
    let (host, mut serial) = connected(Device::modern(), 1);
    let [pci, _] = registers(&host);
    let handle = serial.interrupt_handle(pci).unwrap();
    host.device().write(1, b"request");
    assert_eq!(serial.poll(), None);
    assert_eq!(serial.receive(&mut [0; 16]), 7);
    assert_eq!(host.device().interrupt, 1);
    assert!(handle.acknowledge());
}

#[test]
fn the_driver_learns_of_an_error_whose_interrupt_the_handle_took() {
    for register in [0, 1] {
        let (host, mut serial) = connected(Device::modern(), 1);
        let [pci, mmio] = registers(&host);
        let handle = serial.interrupt_handle(if register == 0 { pci } else { mmio }).unwrap();
        host.device().status |= NEEDS_RESET;
        host.device().interrupt = 2;
        assert_eq!(settle(&host, &handle, &mut serial), [Event::Removed]);
        assert_eq!(serial.failure(), Some(Error::NeedsReset));
        // Also after a restart.
        serial.restart();
        assert_eq!(settle(&host, &handle, &mut serial), [Event::Found, Event::Opened]);
        host.device().status |= NEEDS_RESET;
        host.device().interrupt = 2;
        assert_eq!(settle(&host, &handle, &mut serial), [Event::Removed]);
    }
}

#[test]
fn the_driver_over_registers_has_a_handle_over_the_same() {
    let host = Host::new(Device::modern().with_port(1, AGENT));
    let mut serial = VirtioSerial::<crate::memory::TestHal, _>::new(mmio_transport(&host), AGENT).unwrap();
    let handle = serial.interrupt_handle(InterruptRegister::Mmio(mmio(&host))).unwrap();
    let mut events = Vec::new();
    while handle.acknowledge() {
        events.extend(std::iter::from_fn(|| serial.poll()));
    }
    assert_eq!(events, [Event::Found]);
}

#[test]
fn a_window_without_the_register_is_refused_and_the_driver_goes_on_alone() {
    let (host, mut serial) = connected(Device::modern(), 1);
    for register in [
        InterruptRegister::Pci(window(&host, Part::Isr).of_size(0)),
        InterruptRegister::Mmio(mmio(&host).of_size(0x67)),
    ] {
        assert_eq!(serial.interrupt_handle(register).err(), Some(TransportError::WindowTooSmall));
    }
    host.device().write(1, b"request");
    assert_eq!(host.settle(&mut serial), []);
    assert_eq!(host.device().interrupt, 0);
}

#[test]
fn a_handle_can_be_shared_with_an_interrupt_handler() {
    fn shared<T: Send + Sync>() {}
    shared::<InterruptHandle<MappedRegisters>>();
    fn driver_can_move<T: Transport + Send>() {}
    driver_can_move::<virtio_serial::transport::MmioTransport<MappedRegisters>>();
}
