//! Where a guest's processors are.

use std::fmt::Write;

use crate::elf::Elf;

/// By what names QEMU shows the address of the next instruction, and where that architecture keeps the one to return to.
const PROGRAM_COUNTERS: [&str; 4] = ["RIP", "EIP", "PC", "pc"];
const RETURN_ADDRESSES: [&str; 2] = ["X30", "x1/ra"];

/// What QEMU's `info registers` shows, for people: the registers for numbers of 64 bits, and what is at the addresses of code.
pub fn explained(shown: &str, elf: Option<&Elf>) -> String {
    let mut text = String::new();
    for line in shown.lines().filter(|line| is_general(line)) {
        let _ = writeln!(text, "{}", line.trim_end());
        for (name, address) in values(line) {
            let wanted = PROGRAM_COUNTERS.contains(&name) || RETURN_ADDRESSES.contains(&name);
            if let Some(place) = elf.filter(|_| wanted).and_then(|elf| elf.place(address)) {
                let _ = writeln!(text, "    {name} is in {place}");
            }
        }
    }
    text
}

/// How the lines begin that have registers for floating-point numbers, vectors, segments and debuggers: they are many and say
/// little. So do those of lines that a processor without one has instead.
const OTHERS: [&str; 25] = [
    "FCW", "FPR", "FPU", "XMM", "YMM", "ZMM", "Opmask", "Q0", "Q1", "Q2", "Q3", "MXCSR", " f", "ES", "CS", "SS", "DS",
    "FS", "GS", "LDT", "TR", "DR", "GDT", "IDT", "EFER",
];

fn is_general(line: &str) -> bool {
    !OTHERS.iter().any(|other| line.starts_with(other)) && !line.trim().is_empty()
}

/// Pairs of a name and a number: `RIP=000000000010f000`, or ` pc       0000000080200000`.
fn values(line: &str) -> impl Iterator<Item = (&str, u64)> {
    let words: Vec<&str> = line.split([' ', '=']).filter(|word| !word.is_empty()).collect();
    let pairs: Vec<_> =
        words.windows(2).filter_map(|pair| Some((pair[0], u64::from_str_radix(pair[1], 16).ok()?))).collect();
    pairs.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read_in_every_form_that_qemu_has() {
        let find = |line: &str, name: &str| values(line).find(|(found, _)| *found == name).map(|(_, value)| value);
        assert_eq!(find("RIP=000000000010f000 RFL=00000246 [---Z-P-] CPL=0 II=0", "RIP"), Some(0x10_f000));
        assert_eq!(find(" PC=0000000040080010 X00=0000000000000000", "PC"), Some(0x4008_0010));
        assert_eq!(find(" pc       0000000080200004", "pc"), Some(0x8020_0004));
        assert_eq!(find(" x0/zero  0000000000000000 x1/ra    0000000080001234", "x1/ra"), Some(0x8000_1234));
    }

    #[test]
    fn registers_for_vectors_are_left_out() {
        let text = explained("RAX=1 RBX=2\nXMM00=0000 XMM01=0000\nFCW=037f FSW=0000\n\nRIP=3 RFL=2\n", None);
        assert_eq!(text, "RAX=1 RBX=2\nRIP=3 RFL=2\n");
    }
}
