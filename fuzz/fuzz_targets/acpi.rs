//! ACPI's tables in any memory: what is found lies there, and it takes a time that grows as the tables do.
#![no_main]

use fuzz::memory::Pieces;
use libfuzzer_sys::fuzz_target;
use machine::acpi::Tables;

const SIGNATURES: [&[u8]; 8] = [b"RSD PTR ", b"RSDT", b"XSDT", b"FACP", b"APIC", b"MCFG", b"DSDT", b"SSDT"];

/// How many tables a list is read to, and how often it is looked through below.
const TABLES: u64 = 64;
const LOOKS: u64 = 20;
/// The search for the root pointer: what the BIOS area and the extended BIOS data area have, each place with 28 bytes at most.
const SEARCH: u64 = 30 * (0x2_0000 + 1024) / 16;

fuzz_target!(|input: &[u8]| {
    let Some((rsdp, mut memory)) = Pieces::parse(input) else { return };
    read(&memory, rsdp, input.len() as u64);
    memory.seal(&SIGNATURES);
    read(&memory, rsdp, input.len() as u64);
});

fn read(memory: &Pieces, rsdp: u64, length: u64) {
    let before = memory.bytes_read();
    if let Some(tables) = Tables::find(memory, rsdp) {
        look(memory, &tables);
    }
    let read = memory.bytes_read() - before;
    assert!(read <= SEARCH + LOOKS * TABLES * (length + 64), "{read} bytes read of {length}");
}

fn look(memory: &Pieces, tables: &Tables<'_, Pieces>) {
    for signature in SIGNATURES {
        let Some(table) = tables.table(signature.first_chunk().expect("a signature has four bytes")) else { continue };
        assert!(memory.holds(table) && table.starts_with(&signature[..4]));
        assert_eq!(table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0, "not intact");
    }
    if let Some(fadt) = tables.fadt() {
        for types in [tables.power_off_types(&fadt), tables.suspend_types(&fadt)].into_iter().flatten() {
            assert!(types.a < 8 && types.b < 8, "{types:?}");
        }
        assert!(fadt.rtc_century.is_none_or(|register| register < 128));
    }
    if let Some(madt) = tables.madt() {
        let length = tables.table(b"APIC").expect("it was found before").len();
        let entries = madt.io_apics().count() + madt.overrides().count();
        // An entry has two bytes at least; those that are counted have more.
        assert!(entries <= length / 2);
        for boot in [0, 1, u32::MAX] {
            let processors = madt.processors(boot);
            assert!(processors.boot < processors.count && processors.count <= length, "{processors:?}");
        }
    }
    if let Some(vectors) = tables.waking_vectors() {
        assert!(vectors.real_mode.is_multiple_of(4) && vectors.extended.is_multiple_of(8), "{vectors:?}");
    }
    let _ = (tables.ecam(), tables.button_events());
}
