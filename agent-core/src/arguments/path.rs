//! A parameter's place in the arguments, for messages.

use core::fmt;

use super::text::Text;
use crate::json::Span;
use crate::json::digits::Digits;
use crate::json::walk::Walk;

/// A value's place in the arguments. An error text names it, such as `name`, `rows[1][2]` or `outer.list[1].name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Where the value is stored.
    start: u32,
}

impl Path {
    /// The path to the value at `span` of the stored message.
    pub(crate) const fn to(span: Span) -> Self {
        Self { start: span.start() as u32 }
    }

    /// Writes the path from `arguments`, the object of all parameters, which has none itself. Returns what separates it from the
    /// name of a member of the value.
    pub(crate) fn write(
        self,
        (message, arguments): (&[u8], Span),
        f: &mut dyn fmt::Write,
    ) -> Result<&'static str, fmt::Error> {
        let start = self.start as usize;
        let (mut at, mut separator) = (arguments, "");
        while at.start() < start {
            let mut inside = Walk::new(message, at).enumerate();
            let Some((index, (name, value))) = inside.find(|(_, (_, value))| value.end() > start) else { break };
            if name == Span::default() {
                f.write_char('[')?;
                f.write_str(Digits::of(index as u64).as_str())?;
                f.write_char(']')?;
            } else {
                f.write_str(separator)?;
                Text::new(message, name).write(f)?;
            }
            (at, separator) = (value, ".");
        }
        Ok(separator)
    }
}
