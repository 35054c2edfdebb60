//! Files that QEMU hands to its guest by its device fw_cfg (QEMU, docs/specs/fw_cfg.rst).
//!
//! They are read through the data register, which every version of the device has. Its other way, DMA, would only save time with
//! files that are larger than any that is read here.

/// The registers, wherever a board has them.
pub trait Registers {
    /// Selects an item, which is read from its beginning then.
    fn select(&mut self, item: u16);

    /// Reads the next bytes of the item. Behind its end are zeros.
    fn read(&mut self, into: &mut [u8]);
}

const SIGNATURE: u16 = 0;
const DIRECTORY: u16 = 0x19;
/// The most files that are looked at. QEMU's machines have about thirty.
const MAX_FILES: u32 = 1024;
/// A file in the directory: its size, the number of its item, both big-endian, two bytes that are reserved, and its name.
const ENTRY: usize = 64;
const NAME: usize = 8;

/// The device.
#[derive(Debug)]
pub struct FwCfg<R>(R);

impl<R: Registers> FwCfg<R> {
    /// The device behind these registers. `None` if it is not there.
    pub fn new(mut registers: R) -> Option<Self> {
        let mut signature = [0; 4];
        registers.select(SIGNATURE);
        registers.read(&mut signature);
        (&signature == b"QEMU").then_some(Self(registers))
    }

    /// Reads the beginning of a file into as much of `into` as it has. Returns its size in bytes, which may be more. `None` if
    /// there is no file of this name.
    pub fn read(&mut self, name: &str, into: &mut [u8]) -> Option<usize> {
        let (item, size) = self.find(name)?;
        self.0.select(item);
        let length = size.min(into.len());
        self.0.read(into.get_mut(..length).unwrap_or_default());
        Some(size)
    }

    /// The item of a file, and its size.
    fn find(&mut self, name: &str) -> Option<(u16, usize)> {
        let mut count = [0; 4];
        self.0.select(DIRECTORY);
        self.0.read(&mut count);
        (0..u32::from_be_bytes(count).min(MAX_FILES)).find_map(|_| {
            let mut entry = [0; ENTRY];
            self.0.read(&mut entry);
            let [a, b, c, d, e, f, ..] = entry;
            (entry.get(NAME..)?.strip_prefix(name.as_bytes())?.first() == Some(&0))
                .then(|| (u16::from_be_bytes([e, f]), u32::from_be_bytes([a, b, c, d]) as usize))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// A device whose items have these bytes.
    struct Device {
        items: Vec<(u16, Vec<u8>)>,
        selected: u16,
        at: usize,
    }

    impl Registers for Device {
        fn select(&mut self, item: u16) {
            (self.selected, self.at) = (item, 0);
        }

        fn read(&mut self, into: &mut [u8]) {
            let item = self.items.iter().find(|(item, _)| *item == self.selected);
            for byte in into {
                *byte = item.and_then(|(_, bytes)| bytes.get(self.at)).copied().unwrap_or(0);
                self.at += 1;
            }
        }
    }

    fn entry(size: u32, item: u16, name: &str) -> Vec<u8> {
        let mut entry = [&size.to_be_bytes()[..], &item.to_be_bytes(), &[0; 2], name.as_bytes()].concat();
        entry.resize(ENTRY, 0);
        entry
    }

    fn device(directory: Vec<u8>) -> Device {
        let items =
            [(0, b"QEMU".to_vec()), (DIRECTORY, directory), (0x20, b"one".to_vec()), (0x21, b"another".to_vec())];
        Device { items: items.into(), selected: 0, at: 0 }
    }

    #[test]
    fn files_are_found_by_their_whole_names() {
        let directory = [&[0, 0, 0, 2][..], &entry(3, 0x20, "opt/a"), &entry(7, 0x21, "opt/ab")].concat();
        let mut found = FwCfg::new(device(directory)).unwrap();
        let mut bytes = [0xff; 5];
        assert_eq!(found.read("opt/a", &mut bytes), Some(3));
        assert_eq!(&bytes, b"one\xff\xff");
        assert_eq!(found.read("opt/ab", &mut bytes), Some(7));
        assert_eq!(&bytes, b"anoth", "as much as there is room for");
        assert_eq!(found.read("opt", &mut bytes), None);
    }

    #[test]
    fn nothing_is_there_without_the_signature() {
        let mut other = device(Vec::new());
        other.items[0].1 = b"qemu".to_vec();
        assert!(FwCfg::new(other).is_none());
    }

    proptest! {
        #[test]
        fn any_directory_is_survived(directory: Vec<u8>, name: String) {
            let mut bytes = [0; 16];
            FwCfg::new(device(directory)).unwrap().read(&name, &mut bytes);
        }
    }
}
