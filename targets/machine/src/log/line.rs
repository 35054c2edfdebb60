//! The text of a line, put together without `core::fmt`.

use core::num::NonZeroU64;

use heapless::Vec;

/// The longest line in bytes, its end included. What does not fit is cut.
pub const LINE: usize = 192;

/// What a console ends a line with.
const END: &[u8] = b"\r\n";

const TEN: NonZeroU64 = NonZeroU64::new(10).unwrap();
const SIXTEEN: NonZeroU64 = NonZeroU64::new(16).unwrap();

/// The text of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(Vec<u8, LINE>);

impl Line {
    /// A line without text.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The text, as a console prints it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text up to what is not UTF-8. A template of other characters than ASCII may be cut in the middle of one.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.0)
            .or_else(|error| str::from_utf8(self.0.get(..error.valid_up_to()).unwrap_or_default()))
            .unwrap_or_default()
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            // What does not fit is cut.
            _ = self.0.push(byte);
        }
    }

    pub(super) fn decimal(&mut self, number: u64) {
        self.number(number, TEN, 1);
    }

    /// At least as many digits as `unit`, a power of 16, has.
    pub(super) fn hex(&mut self, number: u64, unit: u64) {
        self.number(number, SIXTEEN, unit);
    }

    fn number(&mut self, number: u64, base: NonZeroU64, mut unit: u64) {
        while number.checked_div(unit).is_some_and(|digits| digits >= base.get()) {
            // It cannot overflow: the number is larger.
            unit = unit.wrapping_mul(base.get());
        }
        while let Some(digits) = number.checked_div(unit) {
            self.add(&[match (digits % base) as u8 {
                digit @ 0..10 => b'0' + digit,
                digit => b'a' - 10 + digit,
            }]);
            unit /= base;
        }
    }

    /// Begins a new line.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds what a console ends a line with. There is always room for it.
    pub(super) fn end(&mut self) {
        self.0.truncate(LINE - END.len());
        self.add(END);
    }
}
