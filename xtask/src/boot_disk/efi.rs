//! What UEFI firmware boots on a `virt` machine: our own loader with the image behind it, as an EFI application. No GRUB loads
//! anything but an EFI application there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use efi_loader::payload::Header;
use object::elf::FileHeader64;
use object::pe::{
    IMAGE_FILE_EXECUTABLE_IMAGE, IMAGE_FILE_LARGE_ADDRESS_AWARE, IMAGE_FILE_MACHINE_ARM64, IMAGE_FILE_MACHINE_RISCV64,
    IMAGE_SUBSYSTEM_EFI_APPLICATION,
};
use object::read::elf::{ElfFile, ProgramHeader};
use object::write::pe::{NtHeaders, Writer};
use object::{Endianness, Object};

use super::Bootable;
use crate::image;
use crate::machine::Machine;

const PAGE: u32 = 4096;
const FILE_ALIGNMENT: u32 = 512;

/// An EFI application that is a machine's image with its command line.
pub(super) fn with_image(machine: &Machine, image: &Path, append: &str) -> Result<Bootable> {
    let (name, kind) = match machine.architecture() {
        "aarch64" => ("BOOTAA64.EFI", IMAGE_FILE_MACHINE_ARM64),
        "riscv64" => ("BOOTRISCV64.EFI", IMAGE_FILE_MACHINE_RISCV64),
        other => bail!("there is no loader for {other}"),
    };
    let loader = Program::read(&image::build_efi_loader(machine.target)?)?;
    let program = application(kind, &loader, &payload(&Program::read(image)?, append))?;
    Ok(Bootable { bios: Vec::new(), program, name })
}

/// A program as it lies in memory.
#[derive(Debug)]
struct Program {
    address: u64,
    entry: u64,
    /// What its file has for the memory from its address on.
    bytes: Vec<u8>,
    /// How much memory it takes.
    memory: u64,
}

impl Program {
    fn read(path: &Path) -> Result<Self> {
        let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&file).with_context(|| format!("{} is no image", path.display()))
    }

    fn parse(file: &[u8]) -> Result<Self> {
        let elf = ElfFile::<FileHeader64<Endianness>>::parse(file)?;
        let endian = elf.endian();
        let segments = elf.elf_program_headers().iter().filter(|segment| segment.p_type(endian) == object::elf::PT_LOAD);
        let address = segments.clone().map(|segment| segment.p_vaddr(endian)).min().context("nothing is loaded")?;
        let mut program = Self { address, entry: elf.entry(), bytes: Vec::new(), memory: 0 };
        for segment in segments {
            let start = segment.p_vaddr(endian) - address;
            let end = start.checked_add(segment.p_memsz(endian)).context("a segment has no end")?;
            program.memory = program.memory.max(end);
            let data = segment.data(endian, file).ok().context("a segment is not in the file")?;
            if !data.is_empty() {
                let start = usize::try_from(start)?;
                program.bytes.resize(program.bytes.len().max(start + data.len()), 0);
                program.bytes[start..start + data.len()].copy_from_slice(data);
            }
        }
        Ok(program)
    }
}

/// What the loader expects behind it.
fn payload(image: &Program, append: &str) -> Vec<u8> {
    let header = Header {
        address: image.address,
        memory: image.memory,
        image: image.bytes.len() as u64,
        command_line: append.len() as u64,
    };
    [&header.to_bytes(), &image.bytes[..], append.as_bytes()].concat()
}

/// A PE file of two sections: the loader, which runs, and the payload, which is read.
fn application(kind: u16, loader: &Program, payload: &[u8]) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut writer = Writer::new(true, PAGE, FILE_ALIGNMENT, &mut file);
    writer.reserve_dos_header();
    writer.reserve_nt_headers(16);
    writer.reserve_section_headers(2);
    let code = writer.reserve_text_section(u32::try_from(loader.bytes.len())?);
    let data = writer.reserve_rdata_section(u32::try_from(payload.len())?);
    ensure!(u64::from(code.virtual_address) == loader.address, "the loader is linked for another place");
    writer.write_empty_dos_header()?;
    writer.write_nt_headers(NtHeaders {
        machine: kind,
        time_date_stamp: 0,
        // Not one whose relocations were stripped: firmware puts it anywhere.
        characteristics: IMAGE_FILE_EXECUTABLE_IMAGE | IMAGE_FILE_LARGE_ADDRESS_AWARE,
        major_linker_version: 0,
        minor_linker_version: 0,
        address_of_entry_point: u32::try_from(loader.entry)?,
        image_base: 0,
        major_operating_system_version: 0,
        minor_operating_system_version: 0,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 0,
        minor_subsystem_version: 0,
        subsystem: IMAGE_SUBSYSTEM_EFI_APPLICATION,
        dll_characteristics: 0,
        size_of_stack_reserve: 0,
        size_of_stack_commit: 0,
        size_of_heap_reserve: 0,
        size_of_heap_commit: 0,
    });
    writer.write_section_headers();
    writer.write_section(code.file_offset, &loader.bytes);
    writer.write_section(data.file_offset, payload);
    Ok(file)
}
