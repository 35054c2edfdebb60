//! The settings that a host hands over with the machine: by fw_cfg, and in SMBIOS tables.

use config::{smbios, words};
use machine::fw_cfg::FwCfg;
use machine::{HostFiles, Machine, log};

use super::listener::Listener;
use crate::settings::{Settings, Source};

/// QEMU's `-fw_cfg name=opt/nanoqga/config,...`.
const CONFIG: &str = "opt/nanoqga/config";
/// The tables that QEMU makes, whether firmware has been there or not.
const TABLES: &str = "etc/smbios/smbios-tables";

/// Where a PC's firmware leaves the entry point of SMBIOS, at a multiple of 16.
const ENTRY_POINTS: (u64, u64) = (0xf_0000, 0x10_0000);
/// The longest entry point, in bytes.
const ENTRY_POINT: usize = 32;

/// Reads them, by way of `room`.
pub(crate) fn read(machine: &Machine, room: &mut [u8], settings: &mut Settings) {
    let mut files = HostFiles::find(machine);
    if let Some(text) = files.as_mut().and_then(|files| file(files, CONFIG, room)) {
        words::read(text, &mut Listener { settings, source: Source::FwCfg });
    }
    let listener = &mut Listener { settings, source: Source::Smbios };
    // What QEMU hands over, firmware has from there.
    let tables = match &mut files {
        Some(files) => file(files, TABLES, room),
        None => tables_in_memory(machine),
    };
    if tables.is_some_and(|tables| !smbios::read(tables, listener)) {
        log!("the SMBIOS tables have no end");
    }
}

/// A file, as far as there is room for it.
fn file<'r>(files: &mut FwCfg<HostFiles>, name: &'static str, room: &'r mut [u8]) -> Option<&'r [u8]> {
    let (size, most) = (files.read(name, room)?, room.len());
    if size > most {
        log!("{}: only {} of {} bytes are read", name, most, size);
    }
    room.get(..size.min(most))
}

/// The tables that a PC's firmware left.
fn tables_in_memory(machine: &Machine) -> Option<&[u8]> {
    let (first, end) = ENTRY_POINTS;
    let mut places = (first..end).step_by(16);
    let (address, length) = places.find_map(|at| smbios::entry_point(machine.left_by_firmware(at, ENTRY_POINT)?))?;
    // The newer entry point says how long the tables are at most.
    machine.left_by_firmware(address, length.min(1 << 16))
}
