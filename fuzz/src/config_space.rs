//! PCI configuration space as an input describes it.

use std::cell::Cell;
use std::collections::BTreeMap;

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

/// The base address registers of a device.
pub const BARS: usize = 6;
/// Where the first one is.
pub const BAR_0: u8 = 0x10;

/// A function: 256 bytes of configuration, and which bits of its base addresses can be written.
#[derive(Clone, Debug)]
struct Function {
    words: [u32; 64],
    writable: [u32; BARS],
}

/// The functions that are there, and what was done with them.
#[derive(Clone, Debug, Default)]
pub struct ConfigSpace {
    functions: BTreeMap<(u8, u8, u8), Function>,
    accesses: Cell<usize>,
    writes: Vec<(DeviceFunction, u8, u32)>,
}

impl ConfigSpace {
    /// An input is a bus, the device and function on it in a byte, as PCI has them, then the words of a function, and the
    /// writable bits of its base addresses, each little-endian; and so on. Of a place that comes twice the last one counts.
    #[must_use]
    pub fn parse(input: &[u8]) -> Self {
        const SIZE: usize = 2 + 4 * (64 + BARS);
        let functions = input.as_chunks::<SIZE>().0.iter().map(|raw| {
            let word = |index: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| raw[2 + 4 * index + byte]));
            let words = std::array::from_fn(word);
            ((raw[0], raw[1] >> 3, raw[1] & 7), Function { words, writable: std::array::from_fn(|bar| word(64 + bar)) })
        });
        Self { functions: functions.collect(), ..Self::default() }
    }

    /// Where there is a function.
    #[must_use]
    pub fn places(&self) -> Vec<DeviceFunction> {
        let place = |&(bus, device, function): &_| DeviceFunction { bus, device, function };
        self.functions.keys().map(place).collect()
    }

    /// How often a word was read or written so far.
    #[must_use]
    pub fn accesses(&self) -> usize {
        self.accesses.get()
    }

    /// What was written so far: where, and what.
    #[must_use]
    pub fn writes(&self) -> &[(DeviceFunction, u8, u32)] {
        &self.writes
    }

    /// What a base address says of its size when all of its bits were written.
    #[must_use]
    pub fn all_ones(&self, at: DeviceFunction, bar: usize) -> u32 {
        let function = self.functions.get(&(at.bus, at.device, at.function));
        function.map_or(0, |function| function.writable[bar] | function.words[usize::from(BAR_0) / 4 + bar])
    }
}

/// The base address that a register is.
#[must_use]
pub fn bar(register: u8) -> Option<usize> {
    Some(usize::from(register.checked_sub(BAR_0)?) / 4).filter(|&bar| bar < BARS)
}

#[expect(unsafe_code, reason = "the trait has an unsafe method; a copy of this space shares nothing")]
impl ConfigurationAccess for ConfigSpace {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        self.accesses.set(self.accesses.get() + 1);
        let function = self.functions.get(&(at.bus, at.device, at.function));
        function.map_or(u32::MAX, |function| function.words[usize::from(register / 4)])
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, data: u32) {
        self.accesses.set(self.accesses.get() + 1);
        self.writes.push((at, register, data));
        if let Some(function) = self.functions.get_mut(&(at.bus, at.device, at.function)) {
            let writable = bar(register).map_or(u32::MAX, |bar| function.writable[bar]);
            let word = &mut function.words[usize::from(register / 4)];
            *word = data & writable | *word & !writable;
        }
    }

    unsafe fn unsafe_clone(&self) -> Self {
        self.clone()
    }
}
