//! The flash of firmware for a Cortex-M.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use object::read::elf::ElfFile32;
use object::{Endianness, Object, ObjectSection};

/// The sections of an ELF file that lie in flash. `.data` is copied to RAM when the firmware starts.
const IN_FLASH: [&str; 4] = [".vector_table", ".text", ".rodata", ".data"];

/// Number of bytes of flash that firmware takes.
///
/// # Errors
/// The file cannot be read, is no ELF file, or lacks one of the sections.
pub(super) fn flash(firmware: &Path) -> Result<u64> {
    let file = fs::read(firmware)?;
    let firmware = ElfFile32::<Endianness>::parse(&*file)?;
    IN_FLASH.iter().try_fold(0, |bytes, name| {
        let section = firmware
            .section_by_name(name)
            .with_context(|| format!("the firmware has no section {name}: was it linked by its own script?"))?;
        Ok(bytes + section.size())
    })
}
