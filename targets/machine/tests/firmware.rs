//! What firmware and QEMU's loader have left in the memory of guests, read as those machines are.

#[path = "../../../fuzz/src/memory.rs"]
#[allow(dead_code, reason = "the fuzzer, whose inputs these are, needs more of it")]
mod memory;

use machine::acpi::{Override, Register, SleepTypes, Tables};
use machine::memory::Ram;
use machine::pci::Ecam;
use machine::processors::Processors;
use machine::{multiboot2, pvh};

use self::memory::Pieces;

macro_rules! left_by {
    ($name:literal) => {
        Pieces::parse(include_bytes!(concat!("../../../fuzz/corpus/", $name))).expect("a seed is a whole input")
    };
}

#[test]
fn a_q35_has_registers_at_ports_and_configuration_space_in_memory() {
    let (rsdp, memory) = left_by!("acpi/q35");
    let tables = Tables::find(&memory, rsdp).unwrap();
    let fadt = tables.fadt().unwrap();
    assert_eq!(fadt.pm1_control, [Some(Register::Port(0x604)), None]);
    assert_eq!((fadt.timer, fadt.timer_is_32_bit), (Some(Register::Port(0x608)), false));
    assert_eq!((fadt.reset, fadt.rtc_century), (Some((Register::Port(0xcf9), 0xf)), Some(0x32)));
    assert_eq!(tables.power_off_types(&fadt), Some(SleepTypes { a: 0, b: 0 }));
    assert_eq!(tables.suspend_types(&fadt), Some(SleepTypes { a: 1, b: 1 }));
    assert_eq!(tables.ecam(), Some(Ecam { address: 0xb000_0000, last_bus: 255 }));
    assert_eq!(tables.button_events().map(|events| events.irq), Some(9));
    let madt = tables.madt().unwrap();
    assert_eq!(madt.processors(1), Processors { count: 2, boot: 1 });
    let elsewhere = [(0, 2), (5, 5), (9, 9), (10, 10), (11, 11)].map(|(irq, gsi)| Override { irq, gsi });
    assert!(madt.overrides().eq(elsewhere));
}

#[test]
fn a_pc_has_no_configuration_space_in_memory() {
    let (rsdp, memory) = left_by!("acpi/pc");
    let tables = Tables::find(&memory, rsdp).unwrap();
    assert_eq!(tables.ecam(), None);
    assert_eq!(tables.power_off_types(&tables.fadt().unwrap()), Some(SleepTypes { a: 0, b: 0 }));
    assert_eq!(tables.madt().unwrap().processors(0), Processors::ONE);
}

#[test]
fn a_microvm_is_hardware_reduced() {
    let (rsdp, memory) = left_by!("acpi/microvm");
    let tables = Tables::find(&memory, rsdp).unwrap();
    let fadt = tables.fadt().unwrap();
    assert_eq!((fadt.pm1_control, fadt.timer, tables.button_events()), ([None; 2], None, None));
    assert_eq!(fadt.sleep_control, Some(Register::Memory(0xfea0_0200)));
    assert_eq!(tables.power_off_types(&fadt), Some(SleepTypes { a: 5, b: 0 }));
    let madt = tables.madt().unwrap();
    assert_eq!(madt.processors(0), Processors { count: 2, boot: 0 });
    assert!(madt.io_apics().map(|apic| apic.first_gsi).eq([0, 24]));
}

#[test]
fn a_loader_tells_the_command_line_and_the_ram() {
    let (address, memory) = left_by!("boot_info/pvh-q35");
    let info = pvh::read(&memory, address).unwrap();
    assert_eq!(info.command_line, b"agent=com2 console=none");
    let low = Ram { start: 0, end: 0x9_fc00 };
    assert_eq!(
        info.ram,
        [low, Ram { start: 0x10_0000, end: 0xfd_f000 }],
        "a guest of 16 MiB, without what firmware keeps"
    );
    assert_eq!(multiboot2::read(&memory, address).map(|info| info.command_line), None, "that is another protocol");

    let (address, memory) = left_by!("boot_info/multiboot2");
    assert!(pvh::read(&memory, address).is_none());
    let info = multiboot2::read(&memory, address).unwrap();
    assert_eq!(info.command_line, b"agent=virtio console=com1");
    assert_eq!(info.ram, [low, Ram { start: 0x10_0000, end: 0xeee_0000 }]);
    assert!(Tables::find(&memory, info.rsdp).is_none(), "its root pointer is there, its tables are not");
}
