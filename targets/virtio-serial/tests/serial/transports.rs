//! The crate's own transports, over the device's registers.

use std::ptr::NonNull;

use virtio_drivers::Error;
use virtio_drivers::transport::{DeviceType, Transport};
use virtio_serial::transport::{
    MappedRegisters, MmioTransport, PciStructures, PciTransport, Registers, TransportError,
};
use virtio_serial::{Event, VirtioSerial};

use crate::bench::Host;
use crate::device::*;
use crate::memory::TestHal;
use crate::registers::{Part, mmio, mmio_transport, pci_transport, structures, window};

/// A port that is found after a second initialisation, and bytes in both directions.
fn talk<T: Transport>(transport: fn(&Host) -> T) {
    let host = Host::new(Device::modern().with_port(5, AGENT));
    let mut serial = VirtioSerial::<TestHal, T>::new(transport(&host), AGENT).unwrap();
    assert_eq!(host.settle(&mut serial), [Event::Found]);
    assert_eq!(host.device().accepted, MULTIPORT | VERSION_1);
    host.device().connect(5);
    assert_eq!(host.settle(&mut serial), [Event::Opened]);
    let sent: Vec<u8> = (0..5000u32).map(|i| (i % 251) as u8).collect();
    host.device().write(5, &sent);
    let mut received = Vec::new();
    let mut buffer = [0; 512];
    while let count @ 1.. = serial.receive(&mut buffer) {
        received.extend_from_slice(&buffer[..count]);
        serial.poll();
    }
    assert!(received == sent, "{} bytes arrived", received.len());
    assert_eq!(serial.send(&sent), 4096);
    assert!(host.device().read(5) == sent[..4096]);
    drop(serial);
    assert_eq!(host.device().status, 0);
}

#[test]
fn the_port_is_driven_over_mmio() {
    talk(mmio_transport);
}

#[test]
fn the_port_is_driven_over_pci() {
    talk(pci_transport);
}

#[test]
fn a_window_without_a_device_is_refused() {
    let refused = |host: &Host| MmioTransport::new(mmio(host)).err();
    let host = Host::new(Device { device_type: 0, ..Device::modern() });
    assert_eq!(refused(&host), Some(TransportError::UnknownType(0)));
    let host = Host::new(Device { device_type: 14, ..Device::modern() });
    assert_eq!(refused(&host), Some(TransportError::UnknownType(14)));
    let host = Host::new(Device::modern());
    assert_eq!(MmioTransport::new(mmio(&host).of_size(0xff)).err(), Some(TransportError::WindowTooSmall));
    for (common, isr) in [(55, 1), (56, 0)] {
        let mut structures = structures(&host);
        structures.common = structures.common.of_size(common);
        structures.isr = structures.isr.of_size(isr);
        let refused = PciTransport::new(DeviceType::Console, structures).err();
        assert_eq!(refused, Some(TransportError::WindowTooSmall));
    }
}

#[test]
fn a_queue_that_is_notified_outside_of_its_window_is_not_notified() {
    let host = Host::new(Device::modern());
    for (size, multiplier) in [(13, 4), (4096, 0x1000_0000), (4096, 3), (0, 0)] {
        let mut structures = structures(&host);
        structures.notify = window(&host, Part::Notify).of_size(size);
        structures.notify_multiplier = multiplier;
        // The device would panic: it does not run.
        PciTransport::new(DeviceType::Console, structures).unwrap().notify(3);
    }
}

/// Words of memory that stand for registers, with 16 bytes of configuration.
struct Words(Box<[u32; 68]>);

impl Words {
    fn of_mmio(version: u32) -> Self {
        let mut words = Box::new([0; 68]);
        words[..3].copy_from_slice(&[u32::from_le_bytes(*b"virt"), version, 3]);
        for (index, byte) in (0..).zip([0x11, 0x22, 0x33, 0x44]) {
            words[64 + index] = byte * 0x0101_0101 + 0x0003_0201;
        }
        Self(words)
    }

    fn registers(&mut self, size: usize) -> MappedRegisters {
        assert!(size <= size_of_val(&*self.0));
        // SAFETY: there are so many bytes, and the tests touch them through the registers only while they use these.
        unsafe { MappedRegisters::new(NonNull::from(&mut *self.0).cast(), size) }
    }
}

#[test]
fn mapped_registers_are_read_and_written_within_their_window_only() {
    let mut words = Words::of_mmio(2);
    let registers = words.registers(0x104);
    assert_eq!(registers.read_u8(0x101), 0x13);
    assert_eq!(registers.read_u16(0x102), 0x1114);
    assert_eq!(registers.read_u32(0x100), 0x1114_1312);
    registers.write_u8(0x100, 1);
    registers.write_u16(0x102, 0x0403);
    assert_eq!(registers.read_u32(0x100), 0x0403_1301);
    registers.write_u32(0x100, 7);
    assert_eq!(registers.read_u32(0x100), 7);
    for offset in [0x101, 0x102, 0x104, usize::MAX, usize::MAX - 3] {
        assert_eq!(registers.read_u32(offset), 0);
        registers.write_u32(offset, u32::MAX);
    }
    assert_eq!((registers.read_u32(0x100), words.0[65]), (7, 0x2225_2423));
}

#[test]
fn memory_that_is_no_device_is_refused() {
    let refused = |words: &mut Words| MmioTransport::new(words.registers(0x110)).unwrap_err();
    let mut words = Words::of_mmio(3);
    assert_eq!(refused(&mut words), TransportError::UnknownVersion(3));
    words.0[0] = 0;
    assert_eq!(refused(&mut words), TransportError::NotVirtio);
}

#[test]
fn legacy_queues_are_told_by_their_page() {
    let mut words = Words::of_mmio(1);
    let mut transport = MmioTransport::new(words.registers(0x110)).unwrap();
    assert!(transport.requires_legacy_layout());
    assert_eq!(transport.read_config_generation(), 0);
    transport.set_guest_page_size(4096);
    transport.queue_set(3, 32, 0x0123_4567_8000, 0x0123_4567_8200, 0x0123_4567_9000);
    assert!(transport.queue_used(3));
    assert_eq!([0x28, 0x30, 0x38, 0x3c, 0x40, 0x44].map(|at| words.0[at / 4]), [4096, 3, 32, 4096, 0x1234_5678, 0]);
    // The register cannot hold this page. The queue stays unused rather than somewhere else.
    let mut transport = MmioTransport::new(words.registers(0x110)).unwrap();
    transport.queue_set(3, 32, 1 << 44 | 0x1000, 1 << 44 | 0x1200, 1 << 44 | 0x2000);
    assert!(!transport.queue_used(3));
}

#[test]
fn fields_of_the_configuration_are_read_and_written_where_they_are() {
    let mut words = Words::of_mmio(2);
    let mut transport = MmioTransport::new(words.registers(0x110)).unwrap();
    assert_eq!(transport.read_config_space::<u8>(3), Ok(0x11));
    assert_eq!(transport.read_config_space::<u16>(2), Ok(0x1114));
    assert_eq!(transport.read_config_space::<u32>(4), Ok(0x2225_2423));
    assert_eq!(transport.read_config_space::<u64>(0), Ok(0x2225_2423_1114_1312));
    assert_eq!(transport.read_config_space::<[u8; 6]>(1), Ok([0x13, 0x14, 0x11, 0x23, 0x24, 0x25]));
    assert_eq!(transport.write_config_space(1, [0xa1u8, 0xa2, 0xa3, 0xa4, 0xa5]), Ok(()));
    assert_eq!(transport.read_config_space::<u64>(0), Ok(0x2225_a5a4_a3a2_a112));
    assert_eq!(transport.write_config_space(4, [0xb1u8, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6]), Ok(()));
    assert_eq!(transport.read_config_space::<u64>(4), Ok(0x3336_b6b5_b4b3_b2b1));
    for offset in [13, 16, usize::MAX, usize::MAX - 0x100] {
        assert_eq!(transport.read_config_space::<u32>(offset), Err(Error::ConfigSpaceTooSmall));
        assert_eq!(transport.write_config_space(offset, 0u32), Err(Error::ConfigSpaceTooSmall));
    }
}

#[test]
fn a_device_tells_which_state_its_configuration_has() {
    let mut words = Words::of_mmio(2);
    words.0[0xfc / 4] = 7;
    assert_eq!(MmioTransport::new(words.registers(0x110)).unwrap().read_config_generation(), 7);

    let [mut common, mut isr, mut device, mut notify] = [(); 4].map(|()| Words(Box::new([0; 68])));
    // The byte beside the status, and the queue's enable.
    (common.0[20 / 4], common.0[28 / 4]) = (7 << 8, 1);
    let structures = PciStructures {
        common: common.registers(56),
        isr: isr.registers(1),
        device: device.registers(16),
        notify: notify.registers(4),
        notify_multiplier: 0,
    };
    let mut transport = PciTransport::new(DeviceType::Console, structures).unwrap();
    assert_eq!(transport.read_config_generation(), 7);
    assert!(transport.queue_used(3));
    assert_eq!(transport.write_config_space(4, 0x0102_0304_u32), Ok(()));
    assert_eq!((common.0[20 / 4] >> 16, device.0[1]), (3, 0x0102_0304), "the queue was selected at 22");
}

#[test]
fn a_modern_queue_is_taken_from_the_device() {
    let mut words = Words::of_mmio(2);
    let mut transport = MmioTransport::new(words.registers(0x110)).unwrap();
    transport.queue_set(3, 32, 0x1000, 0x2000, 0x3000);
    assert!(transport.queue_used(3));
    transport.queue_unset(3);
    assert!(!transport.queue_used(3));
}

#[test]
fn an_error_is_told_in_words() {
    for error in [
        TransportError::NotVirtio,
        TransportError::UnknownVersion(3),
        TransportError::UnknownType(14),
        TransportError::WindowTooSmall,
    ] {
        assert!(error.to_string().contains(' '), "{error:?}");
    }
}
