//! What an ELF file says of itself: for which machine it is, and what lies at an address of it.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::elf::{FileHeader64, NoteType, PT_NOTE};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Architecture, Endianness, Object, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

use crate::machine::Machine;

/// The note by which a kernel says where QEMU enters it: `XEN_ELFNOTE_PHYS32_ENTRY` of the PVH boot protocol.
const PVH: (&[u8], NoteType) = (b"Xen", NoteType(18));

/// A kernel.
#[derive(Debug)]
pub struct Elf {
    architecture: Architecture,
    has_pvh_note: bool,
    /// Functions by their addresses.
    functions: Vec<Function>,
}

#[derive(Debug)]
struct Function {
    start: u64,
    size: u64,
    name: String,
}

/// A place in a kernel's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    function: &'a str,
    offset: u64,
}

impl Elf {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no ELF file of 64 bits.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&bytes).with_context(|| format!("{} is no ELF file of 64 bits", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let file = ElfFile64::<Endianness>::parse(bytes)?;
        let mut functions: Vec<_> = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
            .filter_map(|symbol| {
                let name = format!("{:#}", demangle(symbol.name().ok()?));
                Some(Function { start: symbol.address(), size: symbol.size(), name })
            })
            .collect();
        functions.sort_by_key(|function| function.start);
        Ok(Self { architecture: file.architecture(), has_pvh_note: has_pvh_note(bytes)?, functions })
    }

    /// The machine that it is for, where it is not named: q35, or the `virt` of its architecture.
    ///
    /// # Errors
    /// When QEMU could not load it, or there is no such machine here.
    pub fn machine(&self) -> Result<&'static Machine> {
        match self.architecture {
            Architecture::X86_64 if self.has_pvh_note => Machine::named("q35"),
            Architecture::X86_64 => bail!(
                "the kernel has no PVH note, so QEMU cannot load it: add the note, or make a boot disk of the kernel and name a machine for it"
            ),
            Architecture::Aarch64 => Machine::named("aarch64-virt"),
            Architecture::Riscv64 => Machine::named("riscv64-virt"),
            other => bail!("no machine is known for a kernel of the architecture {other:?}: name one"),
        }
    }

    /// What lies at an address, if it is in a function.
    pub fn place(&self, address: u64) -> Option<Place<'_>> {
        let after = self.functions.partition_point(|function| function.start <= address);
        let function = self.functions[..after].last()?;
        let offset = address - function.start;
        // What was written in assembly often has no size.
        (function.size == 0 || offset < function.size).then_some(Place { function: &function.name, offset })
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}", self.function, self.offset)
    }
}

fn has_pvh_note(bytes: &[u8]) -> Result<bool> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    for segment in header.program_headers(endian, bytes)? {
        if segment.p_type(endian) != PT_NOTE {
            continue;
        }
        let Some(mut notes) = segment.notes(endian, bytes)? else { continue };
        while let Some(note) = notes.next()? {
            if (note.name(), note.n_type(endian)) == PVH {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_functions(functions: &[(u64, u64, &str)]) -> Elf {
        let functions =
            functions.iter().map(|&(start, size, name)| Function { start, size, name: name.into() }).collect();
        Elf { architecture: Architecture::X86_64, has_pvh_note: false, functions }
    }

    #[test]
    fn an_address_is_in_the_function_around_it() {
        let elf = with_functions(&[(0x1000, 0, "_start"), (0x1100, 0x10, "mm::oom")]);
        let place = |address| elf.place(address).map(|place| place.to_string());
        assert_eq!(place(0x1104).as_deref(), Some("mm::oom+0x4"));
        assert_eq!(place(0x1004).as_deref(), Some("_start+0x4"));
        assert_eq!((place(0x1110), place(0xfff)), (None, None));
    }

    #[test]
    fn a_kernel_that_qemu_cannot_load_is_refused_with_what_to_do() {
        let error = with_functions(&[]).machine().unwrap_err().to_string();
        assert!(error.starts_with("the kernel has no PVH note, so QEMU cannot load it: add the note"), "{error}");
    }

    #[test]
    fn this_program_says_what_it_is() {
        let elf = Elf::read(&std::env::current_exe().unwrap());
        // Where programs are no ELF files, that is said.
        match elf {
            Ok(elf) => {
                let is_this = |function: &Function| function.name.contains("this_program_says_what_it_is");
                assert!(elf.functions.iter().any(is_this));
            }
            Err(error) => assert!(error.to_string().ends_with("is no ELF file of 64 bits"), "{error}"),
        }
    }

    #[test]
    fn garbage_is_no_kernel() {
        assert!(Elf::parse(b"\x7fELF").is_err() && Elf::parse(&[0; 4096]).is_err());
    }
}
