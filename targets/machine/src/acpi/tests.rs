use super::*;
use crate::testing::Image;
use proptest::prelude::*;
use std::vec::Vec;

const S3: &[u8] = b"\x08_S3_\x12\x06\x04\x01\x01\x00\x00";
const S5: &[u8] = b"\x08_S5_\x12\x06\x04\x0a\x05\x01\x00\x00";

/// A table with its header, length and checksum.
fn sealed(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut table = std::vec![0; HEADER_SIZE];
    table[..4].copy_from_slice(signature);
    table[4..8].copy_from_slice(&u32::try_from(HEADER_SIZE + body.len()).unwrap().to_le_bytes());
    table.extend(body);
    table[9] = 0u8.wrapping_sub(checksum(&table));
    table
}

fn fadt_body(flags: u32) -> Vec<u8> {
    let mut table = std::vec![0; 268];
    let mut put = |offset: usize, bytes: &[u8]| table[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(36, &0x3c00u32.to_le_bytes());
    put(40, &0x3000u32.to_le_bytes());
    put(46, &9u16.to_le_bytes());
    put(48, &0xb2u32.to_le_bytes());
    put(52, &[2]);
    put(56, &0x600u32.to_le_bytes());
    put(64, &0x604u32.to_le_bytes());
    put(76, &0x608u32.to_le_bytes());
    put(88, &[4]);
    put(108, &[0x32]);
    put(112, &flags.to_le_bytes());
    put(116, &[1, 8, 0, 0]);
    put(120, &0xcf9u64.to_le_bytes());
    put(128, &[0x0f]);
    put(244, &[0, 8, 0, 1]);
    put(248, &0xfea0_0200u64.to_le_bytes());
    table.split_off(HEADER_SIZE)
}

fn rsdp(image: &mut Image, at: usize, revision: u8, rsdt: u32, xsdt: u64) {
    let mut raw = [0; 36];
    raw[..8].copy_from_slice(RSDP_SIGNATURE);
    raw[15] = revision;
    raw[16..20].copy_from_slice(&rsdt.to_le_bytes());
    raw[20..24].copy_from_slice(&36u32.to_le_bytes());
    raw[24..32].copy_from_slice(&xsdt.to_le_bytes());
    raw[8] = 0u8.wrapping_sub(checksum(&raw[..20]));
    raw[32] = 0u8.wrapping_sub(checksum(&raw));
    image.put(at, &raw);
}

/// A PC as QEMU describes it: RSDP at 0x100, RSDT at 0x200, FADT at 0x1000, MADT at 0x2000, MCFG at 0x2800, DSDT at 0x3000,
/// FACS at 0x3c00.
fn pc(flags: u32) -> Image {
    let mut image = Image::new(0x4000);
    rsdp(&mut image, 0x100, 0, 0x200, 0);
    let pointers = [0x1000u32, 0x2000, 0x2800];
    image.put(0x200, &sealed(b"RSDT", &pointers.map(u32::to_le_bytes).concat()));
    image.put(0x1000, &sealed(b"FACP", &fadt_body(flags)));
    let mut madt = [0xfee0_0000u32.to_le_bytes(), 1u32.to_le_bytes()].concat();
    madt.extend([0, 8, 0, 0, 1, 0, 0, 0]);
    madt.extend(
        [[1, 12, 0, 0], [0, 0, 0xc0, 0xfe], [0; 4], [1, 12, 1, 0], [0, 0x10, 0xc0, 0xfe], [24, 0, 0, 0]].concat(),
    );
    madt.extend([2, 10, 0, 9, 20, 0, 0, 0, 0x0d, 0]);
    image.put(0x2000, &sealed(b"APIC", &madt));
    let mut mcfg = [0; 24];
    mcfg[8..16].copy_from_slice(&0xb000_0000u64.to_le_bytes());
    mcfg[19] = 0xff;
    image.put(0x2800, &sealed(b"MCFG", &mcfg));
    image.put(0x3000, &sealed(b"DSDT", &[b"\x10\x20_S5_\x5b\x82".as_slice(), S3, S5].concat()));
    image.put(0x3c00, b"FACS\x40\0\0\0");
    image
}

#[test]
fn a_pc_is_described() {
    let image = pc(FLAGS_PC);
    let tables = Tables::find(&image, 0x100).unwrap();
    let fadt = tables.fadt().unwrap();
    assert_eq!(fadt.pm1_control, [Some(Register::Port(0x604)), None]);
    let registers = [Some((Register::Port(0x600), Register::Port(0x602))), None];
    assert_eq!(tables.button_events(), Some(ButtonEvents { registers, irq: 9 }));
    assert_eq!(fadt.acpi_enable, Some((0xb2, 2)));
    assert_eq!(fadt.timer, Some(Register::Port(0x608)));
    assert_eq!(fadt.reset, Some((Register::Port(0xcf9), 0x0f)));
    assert_eq!(fadt.rtc_century, Some(0x32));
    assert_eq!(fadt.sleep_control, None);
    assert_eq!(tables.power_off_types(&fadt), Some(SleepTypes { a: 5, b: 1 }));
    assert_eq!(tables.suspend_types(&fadt), Some(SleepTypes { a: 1, b: 1 }));
    assert_eq!(tables.waking_vectors(), Some(WakingVectors { real_mode: 0x3c0c, extended: 0x3c18 }));
    assert_eq!(tables.ecam(), Some(Ecam { address: 0xb000_0000, last_bus: 0xff }));
    let madt = tables.madt().unwrap();
    assert_eq!(madt.local_apic, 0xfee0_0000);
    let [first, second] =
        [IoApic { address: 0xfec0_0000, first_gsi: 0 }, IoApic { address: 0xfec0_1000, first_gsi: 24 }];
    assert!(madt.io_apics().eq([first, second]));
    assert!(madt.overrides().eq([Override { irq: 9, gsi: 20 }]));
}

const FLAGS_PC: u32 = 1 << 10 | 1 << 8;

#[test]
fn a_hardware_reduced_machine_sleeps_through_its_own_register() {
    let image = pc(1 << 20);
    let fadt = Tables::find(&image, 0x100).unwrap().fadt().unwrap();
    assert_eq!(fadt.sleep_control, Some(Register::Memory(0xfea0_0200)));
    assert_eq!((fadt.pm1_control, fadt.timer, fadt.acpi_enable), ([None; 2], None, None));
    assert_eq!(Tables::find(&image, 0x100).unwrap().button_events(), None);
    assert_eq!(fadt.reset, None, "the flag says that the register is not there");
}

#[test]
fn a_machine_that_does_not_name_it_has_no_suspension() {
    let mut image = pc(FLAGS_PC);
    image.put(0x3000, &sealed(b"DSDT", S5));
    let tables = Tables::find(&image, 0x100).unwrap();
    assert_eq!(tables.suspend_types(&tables.fadt().unwrap()), None);
}

#[test]
fn waking_vectors_are_in_a_whole_structure() {
    let found = |image: Image| Tables::find(&image, 0x100).unwrap().waking_vectors();
    let at = |image: &mut Image, offset: usize, address: &[u8]| {
        let mut body = fadt_body(FLAGS_PC);
        body[offset - HEADER_SIZE..][..address.len()].copy_from_slice(address);
        image.put(0x1000, &sealed(b"FACP", &body));
    };
    let mut moved = pc(FLAGS_PC);
    moved.put(0x3c80, b"FACS\x40\0\0\0");
    at(&mut moved, 132, &0x3c80u64.to_le_bytes());
    assert_eq!(found(moved), Some(WakingVectors { real_mode: 0x3c8c, extended: 0x3c98 }), "64 bits count first");
    for (why, address, bytes) in [
        ("another table", 0x3c40u32, b"FACT\x40\0\0\0"),
        ("too short", 0x3c40, b"FACS\x3f\0\0\0"),
        ("not aligned", 0x3c48, b"FACS\x40\0\0\0"),
        ("beyond memory", 0x3fe0, b"FACS\x40\0\0\0"),
    ] {
        let mut image = pc(FLAGS_PC);
        image.put(address as usize, bytes);
        at(&mut image, 36, &address.to_le_bytes());
        assert_eq!(found(image), None, "{why}");
    }
}

#[test]
fn a_power_button_that_is_no_fixed_one_is_left_alone() {
    assert_eq!(Tables::find(&pc(FLAGS_PC | 1 << 4), 0x100).unwrap().button_events(), None);
    let mut body = fadt_body(FLAGS_PC);
    for length in [0, 2, 3] {
        body[88 - HEADER_SIZE] = length;
        let events = ButtonEvents::parse(&sealed(b"FACP", &body));
        assert_eq!(events, None, "an event block of {length} bytes has no enable register");
    }
    body[88 - HEADER_SIZE] = 4;
    body[56 - HEADER_SIZE..60 - HEADER_SIZE].copy_from_slice(&0xffffu32.to_le_bytes());
    assert_eq!(ButtonEvents::parse(&sealed(b"FACP", &body)), None, "beyond the last port");
}

/// A MADT with local APICs (number, flags) and x2APICs.
fn processors(local: &[(u8, u8)], extended: &[(u32, u8)], boot_id: u32) -> Processors {
    let mut body = std::vec![0; 8];
    for &(id, flags) in local {
        body.extend([0, 8, 0, id, flags, 0, 0, 0]);
    }
    for &(id, flags) in extended {
        body.extend([&[9, 16, 0, 0], id.to_le_bytes().as_slice(), &[flags, 0, 0, 0], &[0; 4]].concat());
    }
    Madt::parse(&sealed(b"APIC", &body)).unwrap().processors(boot_id)
}

#[test]
fn processors_are_the_enabled_ones_and_one_of_them_runs() {
    assert_eq!(processors(&[(0, 1), (1, 1)], &[], 0), Processors { count: 2, boot: 0 });
    assert_eq!(processors(&[(2, 1), (4, 1), (6, 1)], &[], 4), Processors { count: 3, boot: 1 });
    assert_eq!(processors(&[(0, 1), (1, 0), (2, 2)], &[], 0), Processors::ONE, "two could be plugged in");
    assert_eq!(processors(&[(1, 0), (3, 1), (5, 1)], &[], 5), Processors { count: 2, boot: 1 });
}

#[test]
fn an_x2apic_counts_from_the_numbers_that_only_it_can_have() {
    assert_eq!(processors(&[(0, 1)], &[(0, 1), (255, 1), (256, 1), (257, 0)], 256), Processors { count: 3, boot: 2 });
}

#[test]
fn a_madt_without_processors_does_not_deny_the_one_that_reads_it() {
    assert_eq!(processors(&[], &[], 0), Processors::ONE);
    assert_eq!(processors(&[(0, 0)], &[], 0), Processors::ONE);
}

#[test]
fn the_root_pointer_is_found_in_the_bios_area() {
    let mut image = Image::new(0x10_0000);
    image.put(0x200, &sealed(b"RSDT", &[]));
    rsdp(&mut image, 0xf_5ad0, 0, 0x200, 0);
    assert!(Tables::find(&image, 0).is_some());
    let mut image = Image::new(0x10_0000);
    image.put(0x200, &sealed(b"RSDT", &[]));
    image.put(0x40e, &0x9fc0u16.to_le_bytes());
    rsdp(&mut image, 0x9_fc40, 0, 0x200, 0);
    assert!(Tables::find(&image, 0).is_some(), "in the extended BIOS data area");
    assert!(Tables::find(&Image::new(0x10_0000), 0).is_none());
}

#[test]
fn the_first_whole_root_pointer_counts() {
    let mut image = Image::new(0x10_0000);
    image.put(0x200, &sealed(b"RSDT", &[]));
    rsdp(&mut image, 0xf_0000, 0, 0x200, 0);
    image.put(0xf_0009, b"x");
    rsdp(&mut image, 0xf_0040, 0, 0x200, 0);
    assert!(Tables::find(&image, 0).is_some(), "another one before is broken");
    rsdp(&mut image, 0xf_0000, 0, 0x300, 0);
    assert!(Tables::find(&image, 0).is_none(), "there are no tables where the first one points");
}

#[test]
fn a_root_table_is_read_as_far_as_machines_fill_it() {
    let with_fadt_at = |place: usize| {
        let mut image = pc(FLAGS_PC);
        let mut pointers = [0x2000u32; MAX_TABLES + 1];
        pointers[place] = 0x1000;
        image.put(0x200, &sealed(b"RSDT", &pointers.map(u32::to_le_bytes).concat()));
        Tables::find(&image, 0x100).unwrap().fadt().is_some()
    };
    assert!(with_fadt_at(MAX_TABLES - 1) && !with_fadt_at(MAX_TABLES));
}

#[test]
fn the_64_bit_root_table_is_preferred() {
    let mut image = pc(FLAGS_PC);
    image.put(0x600, &sealed(b"XSDT", &0x2800u64.to_le_bytes()));
    rsdp(&mut image, 0x100, 2, 0x200, 0x600);
    let tables = Tables::find(&image, 0x100).unwrap();
    assert!(tables.ecam().is_some() && tables.fadt().is_none());
}

#[test]
fn a_broken_checksum_hides_a_table() {
    for (address, table) in [(0x110, "RSDP"), (0x210, "RSDT")] {
        let mut image = pc(FLAGS_PC);
        image.put(address, &[0x77]);
        assert!(Tables::find(&image, 0x100).is_none(), "{table}");
    }
    let mut image = pc(FLAGS_PC);
    image.put(0x1080, &[0x77]);
    assert!(Tables::find(&image, 0x100).unwrap().fadt().is_none());
}

#[test]
fn lying_lengths_are_refused() {
    for length in [0u32, 35, 0x10_0001, u32::MAX] {
        let mut image = pc(FLAGS_PC);
        image.put(0x1004, &length.to_le_bytes());
        assert!(Tables::find(&image, 0x100).unwrap().fadt().is_none(), "{length}");
    }
    let mut past_the_end = Image::new(0x220);
    rsdp(&mut past_the_end, 0x100, 0, 0x200, 0);
    past_the_end.put(0x200, b"RSDT\xff\0\0\0");
    assert!(Tables::find(&past_the_end, 0x100).is_none());
}

#[test]
fn a_root_table_that_lists_itself_ends() {
    let mut image = Image::new(0x400);
    rsdp(&mut image, 0x100, 0, 0x200, 0);
    image.put(0x200, &sealed(b"RSDT", &[0x200u32, 0x100, u32::MAX, 0].map(u32::to_le_bytes).concat()));
    assert!(Tables::find(&image, 0x100).unwrap().fadt().is_none());
}

#[test]
fn a_madt_entry_of_no_length_ends_the_list() {
    let mut body = [0; 24];
    body[8] = 1;
    let table = sealed(b"APIC", &body);
    assert_eq!(Madt::parse(&table).unwrap().io_apics().count(), 0);
}

#[test]
fn power_off_needs_a_whole_constant_package() {
    let find = |aml: &[u8]| SleepTypes::find(aml, b"_S5_");
    assert_eq!(find(S5), Some(SleepTypes { a: 5, b: 1 }));
    assert_eq!(find(b"\x08\\_S5_\x12\x46\x00\x04\x0b\x07\x00\xff"), Some(SleepTypes { a: 7, b: 7 }));
    assert_eq!(find(b"\x08_S5_\x12\x04\x01\x01"), Some(SleepTypes { a: 1, b: 0 }));
    assert_eq!(find(b"\x14_S5_\x12\x06\x04\x0a\x05\x01\x00\x00"), None, "a method, not a name");
    for cut in 0..S5.len() - 4 {
        assert_eq!(find(&S5[..cut]), None, "cut after {cut} bytes");
    }
}

proptest! {
    #[test]
    fn a_damaged_machine_is_survived(damage: Vec<(u16, u8)>) {
        let mut image = pc(FLAGS_PC);
        for (at, byte) in damage {
            image.put(usize::from(at) % 0x4000, &[byte]);
        }
        if let Some(tables) = Tables::find(&image, 0x100) {
            if let Some(fadt) = tables.fadt() {
                tables.power_off_types(&fadt);
                tables.suspend_types(&fadt);
            }
            if let Some(madt) = tables.madt() {
                let _ = (madt.io_apics().count(), madt.overrides().count(), madt.processors(0));
            }
            tables.ecam();
            tables.button_events();
            tables.waking_vectors();
        }
    }

    #[test]
    fn any_table_body_is_survived(body: Vec<u8>) {
        let table = |signature| sealed(signature, &body);
        Fadt::parse(&table(b"FACP"));
        ButtonEvents::parse(&table(b"FACP"));
        ecam(&table(b"MCFG"));
        if let Some(madt) = Madt::parse(&table(b"APIC")) {
            let _ = (madt.io_apics().count(), madt.overrides().count(), madt.processors(0));
        }
        SleepTypes::find(&body, b"_S3_");
    }
}
