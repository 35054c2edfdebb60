//! `\_S5` and `\_S3`, the objects of the AML code that power-off and sleep cannot do without (ACPI 6.5, 7.4.2).

const NAME_OP: u8 = 0x08;
const PACKAGE_OP: u8 = 0x12;

/// The values that mean one kind of sleep in the SLP_TYP fields of the two control registers, 3 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SleepTypes {
    /// For PM1a, and for the sleep control register.
    pub a: u8,
    /// For PM1b.
    pub b: u8,
}

impl SleepTypes {
    /// Looks for `Name (_S5, Package () { a, b, ... })`, or another name, in AML code (20.2.5.1, 20.2.5.4), which in every
    /// known firmware is a constant.
    pub(super) fn find(aml: &[u8], name: &[u8; 4]) -> Option<Self> {
        (0..aml.len()).find_map(|at| match aml.split_at_checked(at)? {
            ([.., NAME_OP] | [.., NAME_OP, b'\\'], [a, b, c, d, PACKAGE_OP, package @ ..])
                if [*a, *b, *c, *d] == *name =>
            {
                Self::package(package)
            }
            _ => None,
        })
    }

    fn package(aml: &[u8]) -> Option<Self> {
        // The package's length in bytes, of which the two upper bits say how many bytes follow, then the elements' count.
        let length_bytes = 1 + usize::from(aml.first()? >> 6);
        let elements = aml.get(length_bytes..)?;
        let (&count, elements) = elements.split_first()?;
        let (a, elements) = integer(elements)?;
        let b = integer(elements).filter(|_| count >= 2).map_or(0, |(b, _)| b);
        Some(Self { a, b })
    }
}

/// A small constant and what follows it (20.2.3). Only the 3 bits that a sleep type has are kept.
fn integer(aml: &[u8]) -> Option<(u8, &[u8])> {
    let (&prefix, rest) = aml.split_first()?;
    let size = match prefix {
        0x00 | 0x01 => return Some((prefix, rest)),
        0xff => return Some((7, rest)),
        0x0a => 1,
        0x0b => 2,
        0x0c => 4,
        0x0e => 8,
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(size)?;
    Some((value[0] & 7, rest))
}
