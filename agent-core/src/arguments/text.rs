//! Strings of a request.

use core::fmt;

use crate::json::Span;

/// A string of the request: as it is stored, it may hold the escapes of a JSON string.
#[derive(Clone, Copy)]
pub struct Text<'m> {
    message: &'m [u8],
    span: Span,
}

impl<'m> Text<'m> {
    /// The inside of a stored string.
    pub(crate) const fn new(message: &'m [u8], span: Span) -> Self {
        Self { message, span }
    }

    /// Where it is stored, for an [`Error`](crate::Error) to quote it.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The characters that the string stands for.
    pub fn chars(&self) -> impl Iterator<Item = char> + use<'m> {
        let mut rest = core::str::from_utf8(self.span.of(self.message)).unwrap_or_default().chars();
        core::iter::from_fn(move || match rest.next()? {
            '\\' => Some(match rest.next()? {
                'b' => '\u{08}',
                'f' => '\u{0C}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let code = rest.by_ref().take(4).try_fold(0, |code, digit| Some(code << 4 | digit.to_digit(16)?));
                    code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                other => other,
            }),
            plain => Some(plain),
        })
    }

    /// Writes the string.
    pub(crate) fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        self.chars().try_for_each(|character| f.write_char(character))
    }

    /// Writes the string to the beginning of `buffer` as UTF-8; `None` if it does not fit.
    #[must_use]
    pub fn copy_to<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b str> {
        let mut length = 0;
        for character in self.chars() {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).as_bytes();
            buffer.get_mut(length..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
            length += bytes.len();
        }
        core::str::from_utf8(buffer.get(..length)?).ok()
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
