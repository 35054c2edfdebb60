use super::*;
use std::boxed::Box;

/// A console's registers as plain memory, with 8 bytes of its own configuration.
fn registers(version: u32) -> Box<[u32; 0x42]> {
    let mut registers = Box::new([0; 0x42]);
    registers[MAGIC_VALUE / 4] = MAGIC;
    registers[VERSION / 4] = version;
    registers[DEVICE_ID / 4] = 3;
    registers[CONFIG / 4 + 1] = 31;
    registers
}

fn window(registers: &mut [u32; 0x42]) -> Window {
    Window { address: registers.as_mut_ptr().expose_provenance() as u64, length: 0x108 }
}

fn open(window: Window) -> Option<MmioTransport> {
    // SAFETY: The registers are memory that outlives the transport in every test.
    unsafe { MmioTransport::new(window) }
}

#[test]
fn a_legacy_queue_is_told_by_its_page() {
    let mut registers = registers(1);
    let mut device = open(window(&mut registers)).unwrap();
    assert!(device.requires_legacy_layout() && device.device_type() == DeviceType::Console);
    assert!(!device.queue_used(2));
    device.queue_set(2, 32, 0x5000, 0x5200, 0x6000);
    assert!(device.queue_used(2));
    let [number, align, page, ready] =
        [QUEUE_NUM, LEGACY_QUEUE_ALIGN, LEGACY_QUEUE_PFN, QUEUE_READY].map(|register| device.read(register));
    assert_eq!([number, align, page, ready], [32, 4096, 5, 0]);
}

#[test]
fn a_modern_queue_is_told_by_three_addresses() {
    let mut registers = registers(2);
    let mut device = open(window(&mut registers)).unwrap();
    device.queue_set(2, 32, 0x1_0000_5000, 0x5200, 0x6000);
    let told = [QUEUE_DESC, QUEUE_DESC + 4, QUEUE_DRIVER, QUEUE_DEVICE, QUEUE_READY, LEGACY_QUEUE_PFN];
    assert_eq!(told.map(|register| device.read(register)), [0x5000, 1, 0x5200, 0x6000, 1, 0]);
}

#[test]
fn the_configuration_ends_where_the_registers_do() {
    let mut registers = registers(2);
    let mut device = open(window(&mut registers)).unwrap();
    assert_eq!(device.read_config_space(4), Ok(31u32));
    assert_eq!(device.read_config_space::<u32>(8), Err(virtio_drivers::Error::ConfigSpaceTooSmall));
    assert_eq!(device.read_config_space::<u32>(6), Err(virtio_drivers::Error::ConfigSpaceTooSmall), "not aligned");
    assert_eq!(device.write_config_space(usize::MAX, 1u8), Err(virtio_drivers::Error::ConfigSpaceTooSmall));
}

#[test]
fn what_is_no_device_is_none() {
    let mut none = registers(2);
    let there = window(&mut none);
    assert!(open(Window { length: 0xff, ..there }).is_none(), "too few registers");
    assert!(open(Window { address: there.address + 1, ..there }).is_none(), "not aligned");
    assert!(open(Window { address: u64::MAX, ..there }).is_none());
    assert!(open(window(&mut registers(3))).is_none(), "a version that is not known");
    none[DEVICE_ID / 4] = 0;
    assert!(open(window(&mut none)).is_none(), "a place without a device");
    none[MAGIC_VALUE / 4] = 0;
    assert!(open(window(&mut none)).is_none());
}
