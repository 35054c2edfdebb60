//! Plain and quoted texts.

use super::{KIND, Reader};

impl<'d> Reader<'d, '_> {
    /// Reads a text, in flow style or not.
    pub(super) fn scalar(&mut self, flow: bool) -> Result<&'d str, &'static str> {
        match self.next() {
            quote @ (b'"' | b'\'') => self.quoted(quote),
            b'&' | b'*' | b'!' | b'%' | b'@' | b'`' | b'?' | b'|' | b'>' | b'{' | b'[' | b'\t' => Err(KIND),
            _ => Ok(self.plain(flow)),
        }
    }

    /// Reads a plain text, up to a colon or comment that ends it.
    fn plain(&mut self, flow: bool) -> &'d str {
        let (begin, mut end) = (self.at, self.at);
        loop {
            match self.next() {
                b'\n' => break,
                b'#' if end < self.at => break,
                b':' if self.is_space(1) => break,
                b',' | b']' | b'}' if flow => break,
                b' ' => self.at += 1,
                _ => {
                    self.at += 1;
                    end = self.at;
                }
            }
        }
        self.text.get(begin..end).unwrap_or_default()
    }

    /// Reads a text in quotes. One with escapes is empty.
    fn quoted(&mut self, quote: u8) -> Result<&'d str, &'static str> {
        self.at += 1;
        let begin = self.at;
        let mut has_escapes = false;
        loop {
            let next = self.next();
            if next == b'\n' {
                return Err("a quoted text does not end in its line");
            }
            let is_escape = if quote == b'"' { next == b'\\' } else { next == quote && self.ahead(1) == quote };
            if next == quote && !is_escape {
                break;
            }
            has_escapes |= is_escape;
            self.at += 1 + usize::from(is_escape);
        }
        let text = if has_escapes { "" } else { self.text.get(begin..self.at).unwrap_or_default() };
        self.at += 1;
        Ok(text)
    }
}
