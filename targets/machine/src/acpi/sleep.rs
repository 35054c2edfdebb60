//! Finds `\_S5` and `\_S3` in AML code: the objects that say how to switch a machine off and how to suspend it (ACPI 6.5,
//! 7.4.2).

const NAME_OP: u8 = 0x08;
const PACKAGE_OP: u8 = 0x12;

/// The values of the SLP_TYP fields in the two control registers, for one kind of sleep. Each has 3 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SleepTypes {
    /// The value for PM1a, and for the sleep control register.
    pub a: u8,
    /// The value for PM1b.
    pub b: u8,
}

impl SleepTypes {
    /// Searches AML code for `Name (_S5, Package () { a, b, ... })`, or another name (20.2.5.1, 20.2.5.4). Known firmware
    /// writes this object as a constant, so that nothing has to be interpreted.
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
        // The package's length, whose two upper bits say how many more bytes it takes, then the number of elements.
        let length_bytes = 1 + usize::from(aml.first()? >> 6);
        let elements = aml.get(length_bytes..)?;
        let (&count, elements) = elements.split_first()?;
        let (a, elements) = integer(elements)?;
        let b = integer(elements).filter(|_| count >= 2).map_or(0, |(b, _)| b);
        Some(Self { a, b })
    }
}

/// Reads an integer constant and returns its lowest 3 bits, as many as a sleep type has, and the code after it (20.2.3).
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
