//! Reads the kernel command line: words separated by white space, most of them `name=value`.

use heapless::Vec;

/// A virtio-mmio device that the command line names. QEMU names all of them for a microvm without ACPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmioDevice {
    /// Physical address of the device's registers.
    pub address: u64,
    /// Size of the registers, in bytes.
    pub size: u64,
    /// The global system interrupt that the device raises.
    pub irq: u32,
}

/// The options that are for the machine itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `console=none`: the machine writes no log.
    pub silent: bool,
    /// `debug-exit=PORT`: I/O port of an isa-debug-exit device, by which a panic ends QEMU.
    pub debug_exit: Option<u16>,
    /// `virtio_mmio.device=SIZE@ADDRESS:IRQ`, a word for each device.
    pub mmio_devices: Vec<MmioDevice, 32>,
}

impl Options {
    /// Reads a command line. Hands each word that is no such option to `unknown`: it may be for the guest, or come from a
    /// loader.
    // Not inlined, so that an image has the code for this large result once.
    #[inline(never)]
    pub fn parse(command_line: &[u8], mut unknown: impl FnMut(&str)) -> Self {
        let mut options = Self::default();
        for word in command_line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
            let word = str::from_utf8(word).unwrap_or("(not UTF-8)");
            if options.take(word).is_none() {
                unknown(word);
            }
        }
        options
    }

    fn take(&mut self, word: &str) -> Option<()> {
        let end = word.bytes().position(|byte| byte == b'=')?;
        match (word.get(..end)?, word.get(end + 1..)?) {
            ("console", "com1") => self.silent = false,
            ("console", "none") => self.silent = true,
            ("debug-exit", port) => self.debug_exit = Some(u16::try_from(number(port.as_bytes())?).ok()?),
            ("virtio_mmio.device", device) => self.mmio_devices.push(mmio_device(device)?).ok()?,
            _ => return None,
        }
        Some(())
    }
}

/// Parses `SIZE@ADDRESS:IRQ`, the format of Linux's parameter of that name. A fourth part, the device's number, is ignored.
fn mmio_device(text: &str) -> Option<MmioDevice> {
    let mut parts = text.as_bytes().split(|byte| matches!(byte, b'@' | b':'));
    let size = parts.next()?;
    let (size, unit) = match size.split_last()? {
        (b'K' | b'k', digits) => (digits, 1 << 10),
        (b'M' | b'm', digits) => (digits, 1 << 20),
        _ => (size, 1),
    };
    Some(MmioDevice {
        size: number(size)?.checked_mul(unit)?,
        address: number(parts.next()?)?,
        irq: u32::try_from(number(parts.next()?)?).ok()?,
    })
}

/// Parses a number: decimal, or, after `0x`, hexadecimal.
fn number(text: &[u8]) -> Option<u64> {
    let (digits, radix) = match text {
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        digits => (digits, 10),
    };
    let add = |number: u64, &digit: &u8| {
        number.checked_mul(radix.into())?.checked_add(char::from(digit).to_digit(radix)?.into())
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

#[cfg(test)]
mod tests {
    use super::{MmioDevice, Options};
    use proptest::prelude::*;
    use std::{string::String, vec::Vec};

    fn parse(text: &str) -> (Options, Vec<String>) {
        let mut unknown = Vec::new();
        let options = Options::parse(text.as_bytes(), |word| unknown.push(word.into()));
        (options, unknown)
    }

    #[test]
    fn every_option_is_understood() {
        let (options, unknown) = parse("console=none debug-exit=0xf4");
        assert!(options.silent);
        assert_eq!(options.debug_exit, Some(0xf4));
        assert!(unknown.is_empty());
        assert!(!parse("console=none console=com1").0.silent, "the last word counts");
    }

    #[test]
    fn microvm_devices_are_collected() {
        let (options, unknown) = parse("virtio_mmio.device=512@0xfeb00e00:12  virtio_mmio.device=4K@4272947200:11:0\n");
        let first = MmioDevice { address: 0xfeb0_0e00, size: 512, irq: 12 };
        let second = MmioDevice { address: 0xfeb0_0000, size: 4096, irq: 11 };
        assert_eq!(options.mmio_devices, [first, second]);
        assert!(unknown.is_empty());
    }

    #[test]
    fn unknown_and_malformed_words_change_nothing() {
        let line = "quiet root=/dev/vda agent=serial console=ttyS0 debug-exit=70000 debug-exit=x \
                    virtio_mmio.device=512 virtio_mmio.device=512@z:1 virtio_mmio.device=@0x1:1 \
                    virtio_mmio.device=99999999999999999999@1:1";
        let (options, unknown) = parse(line);
        assert_eq!(options, Options::default());
        assert_eq!(unknown.len(), 10);
    }

    #[test]
    fn more_devices_than_there_is_room_for_are_left_out() {
        let line = "virtio_mmio.device=512@0xfeb00000:5 ".repeat(40);
        let (options, unknown) = parse(&line);
        assert_eq!((options.mmio_devices.len(), unknown.len()), (32, 8));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(line: Vec<u8>) {
            Options::parse(&line, |_| ());
        }
    }
}
