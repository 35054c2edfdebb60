//! Numbers in decimal digits. `core::fmt` writes the same with a kilobyte more of an image.

/// The digits of a number.
#[derive(Debug)]
pub(crate) struct Digits {
    bytes: [u8; 20],
    unused: usize,
}

impl Digits {
    pub(crate) const fn of(mut number: u64) -> Self {
        let mut digits = Self { bytes: [b'0'; 20], unused: 20 };
        // The last byte is the first to be written, and no number has more digits than there are bytes.
        let mut rest: &mut [u8] = &mut digits.bytes;
        while let Some((digit, higher)) = rest.split_last_mut() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            rest = higher;
            digits.unused -= 1;
            if number == 0 {
                break;
            }
        }
        digits
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.unused..).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}
