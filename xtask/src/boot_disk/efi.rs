//! What UEFI firmware boots on a `virt` machine: our own loader with the image behind it, as an EFI application. GRUB cannot load
//! the image there: it loads EFI applications alone.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use efi_loader::payload::Header;
use nanoqga_testkit::machine::Machine;
use object::elf::{FileHeader64, PT_LOAD};
use object::pe::{
    self, DllFlags, IMAGE_FILE_EXECUTABLE_IMAGE, IMAGE_FILE_LARGE_ADDRESS_AWARE, IMAGE_FILE_MACHINE_ARM64,
    IMAGE_FILE_MACHINE_RISCV64, IMAGE_SUBSYSTEM_EFI_APPLICATION,
};
use object::read::elf::{ElfFile, ProgramHeader};
use object::write::pe::{NtHeaders, Writer};
use object::{Endianness, Object};

use super::layout::Bootable;
use crate::image::compile;
use crate::targets;

const PAGE: u32 = 4096;
const FILE_ALIGNMENT: u32 = 512;

/// An EFI application that is a machine's image with its command line.
pub(super) fn with_image(machine: &Machine, image: &Path, append: &str) -> Result<Bootable> {
    let (name, cpu) = match machine.architecture() {
        "aarch64" => ("BOOTAA64.EFI", IMAGE_FILE_MACHINE_ARM64),
        "riscv64" => ("BOOTRISCV64.EFI", IMAGE_FILE_MACHINE_RISCV64),
        other => bail!("no EFI loader is built for {other}, only for aarch64 and riscv64; disks for x86_64 have GRUB"),
    };
    let loader = Program::read(&compile::build_efi_loader(targets::target(machine))?)?;
    let image = Program::read(image)?;
    ensure!(
        image.entry == image.address,
        "the loader of a disk enters an image at its first byte, which lies at {:#x}; this one is to be entered at {:#x}: \
         link it with its entry first",
        image.address,
        image.entry
    );
    let program = application(cpu, &loader, &payload(&image, append))?;
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
        Self::parse(&file)
            .with_context(|| format!("{} cannot go onto a disk: an ELF program of 64 bits can", path.display()))
    }

    fn parse(file: &[u8]) -> Result<Self> {
        let elf = ElfFile::<FileHeader64<Endianness>>::parse(file)?;
        let endian = elf.endian();
        let segments = elf.elf_program_headers().iter().filter(|segment| segment.p_type(endian) == PT_LOAD);
        let address = segments
            .clone()
            .map(|segment| segment.p_vaddr(endian))
            .min()
            .context("the program has nothing to load into memory: no segment of type LOAD")?;
        let mut program = Self { address, entry: elf.entry(), bytes: Vec::new(), memory: 0 };
        for segment in segments {
            let start = segment.p_vaddr(endian) - address;
            let end = start
                .checked_add(segment.p_memsz(endian))
                .context("a segment of the program ends beyond all memory")?;
            program.memory = program.memory.max(end);
            let data = segment
                .data(endian, file)
                .ok()
                .context("a segment of the program is not in the file: is it cut off?")?;
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
fn application(cpu: pe::Machine, loader: &Program, payload: &[u8]) -> Result<Vec<u8>> {
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
        machine: cpu,
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
        dll_characteristics: DllFlags(0),
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

#[cfg(test)]
mod tests {
    use object::elf::{ELFOSABI_NONE, EM_AARCH64, ET_EXEC, FileFlags, PT_NOTE, ProgramFlags, ProgramType};
    use object::pe::{IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_READ, IMAGE_SCN_MEM_WRITE};
    use object::read::pe::PeFile64;
    use object::write::elf;
    use object::{LittleEndian, ObjectSection, SectionFlags};

    use super::*;

    /// An ELF file with segments of a type, an address, a size in memory, and bytes.
    fn program(segments: &[(ProgramType, u64, u64, &[u8])]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = elf::Writer::new(Endianness::Little, true, &mut file);
        writer.reserve_file_header();
        writer.reserve_program_headers(segments.len() as u32);
        let places: Vec<_> = segments.iter().map(|segment| writer.reserve(segment.3.len() as u64, 1)).collect();
        let header = elf::FileHeader {
            os_abi: ELFOSABI_NONE,
            abi_version: 0,
            e_type: ET_EXEC,
            e_machine: EM_AARCH64,
            e_entry: 0x2000,
            e_flags: FileFlags(0),
        };
        writer.write_file_header(&header).unwrap();
        writer.write_align_program_headers();
        for (&(p_type, p_vaddr, p_memsz, bytes), &place) in segments.iter().zip(&places) {
            writer.write_program_header(&elf::ProgramHeader {
                p_type,
                p_flags: ProgramFlags(0),
                p_offset: place,
                p_vaddr,
                p_paddr: p_vaddr,
                p_filesz: bytes.len() as u64,
                p_memsz,
                p_align: 1,
            });
        }
        segments.iter().for_each(|segment| writer.write(segment.3));
        file
    }

    #[test]
    fn a_program_is_what_its_segments_put_into_memory() {
        let file = program(&[
            (PT_LOAD, 0x2010, 4, b"data"),
            (PT_NOTE, 0x10, 4, b"note"),
            (PT_LOAD, 0x2000, 6, b"code"),
            (PT_LOAD, 0x3000, 0x800, b""),
        ]);
        let program = Program::parse(&file).unwrap();
        assert_eq!((program.address, program.entry, program.memory), (0x2000, 0x2000, 0x1800));
        assert_eq!(program.bytes, b"code\0\0\0\0\0\0\0\0\0\0\0\0data");
    }

    #[test]
    fn what_loads_nothing_or_is_cut_off_is_no_program() {
        assert!(Program::parse(&program(&[(PT_NOTE, 0, 4, b"note")])).is_err());
        let file = program(&[(PT_LOAD, 0x2000, 4, b"code")]);
        for length in 0..file.len() {
            assert!(Program::parse(&file[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn firmware_finds_the_loader_and_the_page_behind_it_the_payload() {
        let loader = Program { address: 0x1000, entry: 0x1200, bytes: vec![0x55; 0x1234], memory: 0x1234 };
        let image = Program { address: 0x4020_0000, entry: 0x4020_0000, bytes: b"image".to_vec(), memory: 0x8000 };
        let payload = payload(&image, "hostname=web-1");
        let file = application(IMAGE_FILE_MACHINE_ARM64, &loader, &payload).unwrap();
        let pe = PeFile64::parse(&*file).unwrap();
        let header = pe.nt_headers();
        assert_eq!(header.file_header.machine.get(LittleEndian).0, 0xaa64);
        let optional = &header.optional_header;
        assert_eq!(optional.subsystem.get(LittleEndian).0, 10);
        assert_eq!(optional.address_of_entry_point.get(LittleEndian), 0x1200);
        assert_eq!(optional.size_of_image.get(LittleEndian), 0x4000);

        let sections: Vec<_> = pe.sections().collect();
        assert_eq!(sections.len(), 2);
        let (code, data) = (&sections[0], &sections[1]);
        assert_eq!((code.address(), data.address()), (0x1000, 0x3000));
        assert!(code.data().unwrap().starts_with(&loader.bytes) && data.data().unwrap().starts_with(&payload));
        for (section, more) in [(code, IMAGE_SCN_MEM_EXECUTE), (data, pe::SectionFlags(0))] {
            let SectionFlags::Coff { characteristics } = section.flags() else { panic!("no section of a PE file") };
            let rights = characteristics & (IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_WRITE);
            assert_eq!(rights, IMAGE_SCN_MEM_READ | more);
        }
    }

    #[test]
    fn a_payload_is_a_header_the_image_and_its_command_line() {
        let image = Program { address: 0x8020_0000, entry: 0x8020_0000, bytes: b"image".to_vec(), memory: 0x8000 };
        let payload = payload(&image, "agent=virtio");
        let header = Header::from_bytes(*payload.first_chunk().unwrap());
        assert_eq!(header, Header { address: 0x8020_0000, memory: 0x8000, image: 5, command_line: 12 });
        assert_eq!(&payload[Header::SIZE..], b"imageagent=virtio");
    }

    #[test]
    fn a_loader_for_another_place_is_refused() {
        let loader = Program { address: 0x2000, entry: 0x2000, bytes: vec![0; 16], memory: 16 };
        assert!(application(IMAGE_FILE_MACHINE_RISCV64, &loader, b"").is_err());
    }
}
