//! PCI's configuration space, whatever devices have in it: what a driver is told of them, what they are given, and what is
//! kept of them while the machine sleeps.
#![no_main]

use std::ops;

use fuzz::config_space::{BAR_0, ConfigSpace, bar};
use libfuzzer_sys::fuzz_target;
use machine::pci::{
    COMMON_SIZE, Range, Resources, SavedConfiguration, Structures, assign, enable, enable_legacy, is_low, scan,
};
use virtio_drivers::transport::pci::bus::{ConfigurationAccess as _, DeviceFunction};

const IO: Range = Range { on_bus: 0, address: 0x300_0000, size: 0x1_0000 };
const MEMORY: Range = Range { on_bus: 0x4000_0000, address: 0x4000_0000, size: 0x1000_0000 };

fuzz_target!(|input: &[u8]| {
    let space = ConfigSpace::parse(input);
    assert_scan_ends(&space);
    for at in space.places() {
        assert_enables(&mut space.clone(), at);
        assert_enables_legacy(&mut space.clone(), at);
    }
    assert_assigns(&mut space.clone());
    if let Some(saved) = SavedConfiguration::take(&space) {
        let mut same = space.clone();
        saved.restore(&mut same);
        assert_eq!(same.writes(), [], "nothing has changed");
    }
});

fn assert_scan_ends(space: &ConfigSpace) {
    let mut found = Vec::new();
    let before = space.accesses();
    scan(space, &mut |at, _| found.push((at.bus, at.device, at.function)));
    // A bus has 32 devices, a device 8 functions, and a function is read four times. All buses may be searched.
    let functions = space.places().len();
    assert!(space.accesses() - before <= 32 * 256 + (8 + 3) * functions);
    assert!(found.is_sorted_by(|one, other| one < other), "{found:?}");
}

/// Whether a driver can reach registers.
fn reach(registers: &ops::Range<u64>) -> bool {
    assert!(registers.start <= registers.end);
    is_low(registers)
}

fn assert_enables(space: &mut ConfigSpace, at: DeviceFunction) {
    let before = space.clone();
    let enabled = enable(space, at, reach);
    assert!(space.accesses() - before.accesses() <= 48 * 12 + 8);
    assert!(space.writes().iter().all(|&(written, ..)| written == at), "another device was written to");
    for register in (BAR_0..).step_by(4).take(6) {
        assert_eq!(space.read_word(at, register), before.read_word(at, register), "the base address has changed");
    }
    let Ok((Structures { common, notify, notify_multiplier, isr, device }, _)) = enabled else {
        let on = space.writes().last().is_some_and(|&(_, register, command)| register == 4 && command & 2 != 0);
        assert!(!on, "a device that cannot be used was switched on");
        return;
    };
    assert!(common.length >= COMMON_SIZE && common.address % 8 == 0);
    assert!(notify.length >= 2 && notify.address % 2 == 0 && notify_multiplier % 2 == 0 && isr.length >= 1);
    for window in [common, notify, isr, device].into_iter().filter(|window| window.length > 0) {
        let end = window.address + u64::from(window.length);
        assert!(is_low(&(window.address..end)));
        let within = |bar: usize| {
            let start = u64::from(before.read_word(at, BAR_0 + 4 * bar as u8) & !0xf);
            let size = u64::from((before.all_ones(at, bar) & !0xf).wrapping_neg());
            start <= window.address && end <= start + size
        };
        assert!((0..6).any(within), "{window:x?} is no part of the device");
    }
}

fn assert_enables_legacy(space: &mut ConfigSpace, at: DeviceFunction) {
    let before = space.accesses();
    let id = space.read_word(at, 0);
    let enabled = enable_legacy(space, at, id);
    assert!(space.accesses() - before <= 8);
    let is_command = |&(written, register, _)| written == at && register == 4;
    assert!(space.writes().iter().all(is_command) && enabled.is_some() != space.writes().is_empty());
    assert!(enabled.is_none_or(|(first, _)| first != 0 && first % 4 == 0));
}

/// What devices are given lies in the ranges, and none is given twice.
fn assert_assigns(space: &mut ConfigSpace) {
    let functions = space.places().len();
    let before = space.clone();
    let route = |device: u8, pin: u8| {
        assert!(device < 32 && (1..=4).contains(&pin));
        Some(32 + (device + pin) % 4)
    };
    assign(space, &mut Resources { io: Some(IO), memory: Some(MEMORY), last_bus: 255, route });
    // A bridge can lead to every bus; each is looked through twice.
    assert!(space.accesses() - before.accesses() <= 3 * 32 * (256 + functions) + 256 * functions * 64);

    let mut given = Vec::new();
    for &(at, register, address) in space.writes() {
        let Some(bar) = bar(register).filter(|_| address != 0 && address != u32::MAX) else { continue };
        let answer = before.all_ones(at, bar);
        let is_bridge = before.read_word(at, 0x0c) >> 16 & 0x7f == 1;
        if is_bridge && bar > 1 {
            continue;
        }
        let (range, size) = if answer & 1 == 0 {
            (MEMORY, answer & !0xf)
        } else {
            (IO, if answer & !3 == 0 { 0 } else { (answer | 0xffff_0000) & !3 })
        };
        let (start, size) = (u64::from(address), u64::from(size.wrapping_neg()));
        assert!(range.find(start, size).is_some(), "{at} is given {size:#x} bytes at {start:#x}");
        given.push((answer & 1, start, start + size));
    }
    given.sort_unstable();
    assert!(given.windows(2).all(|two| two[0].0 != two[1].0 || two[0].2 <= two[1].1), "{given:x?}");
}
