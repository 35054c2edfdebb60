//! What the log keeps of a line: a template, and the values for its holes.

use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::line::Line;

/// How many values a line may have.
pub const VALUES: usize = 3;
/// The longest text, in bytes, that is copied into a record.
pub const COPIED: usize = 30;

/// The text of a line with a hole `{}` for each of `N` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template<const N: usize>(&'static str);

impl<const N: usize> Template<N> {
    /// Checks `text`. The macro `log!` calls this when it is compiled.
    ///
    /// # Panics
    /// When `text` has not `N` holes, when a brace is no part of one, or when `N` is more than [`VALUES`].
    pub const fn new(text: &'static str) -> Self {
        let bytes = text.as_bytes();
        let (mut at, mut holes) = (0, 0);
        while at < bytes.len() {
            match bytes[at] {
                b'{' => {
                    at += 1;
                    assert!(at < bytes.len() && bytes[at] == b'}', "a brace of a log line is no hole");
                    holes += 1;
                }
                b'}' => panic!("a brace of a log line is no hole"),
                _ => {}
            }
            at += 1;
        }
        assert!(holes == N, "a log line needs as many values as it has holes");
        assert!(N <= VALUES, "a log line has too many values");
        Self(text)
    }

    /// The text.
    pub const fn text(self) -> &'static str {
        self.0
    }
}

/// What fills a hole. Integers, fixed texts and places on PCI turn into one by `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Value {
    /// A number, printed in decimal.
    Decimal {
        /// Whether there is a `-` before it.
        negative: bool,
        /// The number without its sign.
        magnitude: u64,
    },
    /// A number, printed in hexadecimal after `0x`.
    Hex(u64),
    /// A text that is in the image.
    Text(&'static str),
    /// A text that is not.
    Copied(Copied),
    /// A device's place on PCI, printed as `bus:device.function` in hexadecimal.
    Pci(DeviceFunction),
}

impl Value {
    /// The beginning of a text, as [`Copied::new`] keeps it.
    pub fn copied(text: &str) -> Self {
        Self::Copied(Copied::new(text))
    }

    fn add_to(&self, line: &mut Line) {
        match *self {
            Self::Decimal { negative, magnitude } => {
                if negative {
                    line.add(b"-");
                }
                line.decimal(magnitude);
            }
            Self::Hex(number) => {
                line.add(b"0x");
                line.hex(number, 1);
            }
            Self::Text(text) => line.add(text.as_bytes()),
            Self::Copied(ref text) => text.add_to(line),
            Self::Pci(DeviceFunction { bus, device, function }) => {
                line.hex(bus.into(), 16);
                line.add(b":");
                line.hex(device.into(), 16);
                line.add(b".");
                line.hex(function.into(), 1);
            }
        }
    }
}

macro_rules! integers {
    ($($unsigned:ident $signed:ident),*) => {$(
        impl From<$unsigned> for Value {
            fn from(number: $unsigned) -> Self {
                Self::Decimal { negative: false, magnitude: number as u64 }
            }
        }

        impl From<$signed> for Value {
            fn from(number: $signed) -> Self {
                Self::Decimal { negative: number < 0, magnitude: number.unsigned_abs() as u64 }
            }
        }
    )*};
}

integers!(u8 i8, u16 i16, u32 i32, u64 i64, usize isize);

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}

impl From<DeviceFunction> for Value {
    fn from(at: DeviceFunction) -> Self {
        Self::Pci(at)
    }
}

/// The beginning of a text, up to [`COPIED`] bytes. What is no printable ASCII is replaced, so that no text from outside steers
/// a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The length of the whole text, as far as it can be told.
    length: u8,
    bytes: [u8; COPIED],
}

impl Copied {
    /// Copies a text. Each byte that is no printable ASCII becomes a `?`.
    // One copy of the code, not one for each line.
    #[inline(never)]
    pub fn new(text: &str) -> Self {
        let mut copied = Self { length: text.len().min(u8::MAX.into()) as u8, bytes: [0; COPIED] };
        for (place, byte) in copied.bytes.iter_mut().zip(text.bytes()) {
            *place = if matches!(byte, b' '..=b'~') { byte } else { b'?' };
        }
        copied
    }

    fn add_to(&self, line: &mut Line) {
        let length = self.length.into();
        // A text that is longer is there as far as it was copied, with a mark.
        line.add(self.bytes.get(..length).unwrap_or(&self.bytes));
        if length > COPIED {
            line.add(b"...");
        }
    }
}

/// A line of the log that is no text yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    template: Option<&'static str>,
    /// As many as the template has holes. The others are those of earlier lines.
    values: [Value; VALUES],
}

impl Record {
    /// A record of no line. It is all zeros, so that a static ring of them takes no room in the image's file.
    pub(super) const EMPTY: Self =
        Self { template: None, values: [Value::Decimal { negative: false, magnitude: 0 }; VALUES] };

    pub(super) fn set(&mut self, template: &'static str, values: &[Value]) {
        self.template = Some(template);
        for (place, value) in self.values.iter_mut().zip(values) {
            *place = *value;
        }
    }

    /// Adds the text to a line; returns whether there is one.
    pub(super) fn add_to(&self, line: &mut Line) -> bool {
        let Some(template) = self.template else { return false };
        let mut values = self.values.iter();
        for byte in template.bytes() {
            match byte {
                b'{' => {
                    if let Some(value) = values.next() {
                        value.add_to(line);
                    }
                }
                // A template has it in holes only.
                b'}' => {}
                _ => line.add(&[byte]),
            }
        }
        true
    }
}
