//! The flow style, which is JSON: brackets, commas and colons.

use heapless::Vec;

use super::{Done, MAX_DEPTH, NO_KEY, Reader, Step, TOO_DEEP};

impl<'d> Reader<'d, '_> {
    /// Reads a value in flow style up to its last bracket.
    pub(super) fn flow(&mut self) -> Done {
        // The bracket that ends each map and list that is open.
        let mut open = Vec::<u8, MAX_DEPTH>::new();
        loop {
            self.skip_lines();
            let close = match self.next() {
                b'{' => b'}',
                b'[' => b']',
                _ => 0,
            };
            if close == 0 {
                let text = self.scalar(true)?;
                self.hand_out(text);
            } else {
                self.at += 1;
                open.push(close).map_err(|_| TOO_DEEP)?;
                if self.begin(close, None)? {
                    continue;
                }
                open.pop();
            }
            // A value has ended, and with it the maps and lists whose brackets follow.
            loop {
                let Some(&close) = open.last() else { return Ok(()) };
                let last = self.path.pop();
                self.skip_lines();
                if self.next() == b',' {
                    self.at += 1;
                    if self.begin(close, last)? {
                        break;
                    }
                } else if self.next() == close {
                    self.at += 1;
                } else {
                    return Err("a comma or a closing bracket is missing");
                }
                open.pop();
            }
        }
    }

    /// Goes to an element of a map or list: the first one, or the one after `last`. Returns whether there is one: else the closing
    /// bracket was read.
    fn begin(&mut self, close: u8, last: Option<Step<'d>>) -> Result<bool, &'static str> {
        self.skip_lines();
        if self.next() == close {
            self.at += 1;
            return Ok(false);
        }
        let step = match last {
            Some(last @ Step::Item(_)) => last.after()?,
            _ if close == b']' => Step::Item(0),
            _ => {
                let key = self.scalar(true)?;
                self.skip_lines();
                if self.next() != b':' {
                    return Err(NO_KEY);
                }
                self.at += 1;
                Step::Key(key)
            }
        };
        self.enter(step)?;
        Ok(true)
    }

    /// Goes to the next character that is no space, in this line or a later one.
    fn skip_lines(&mut self) {
        while self.is_line_done() && !self.is_at_end() {
            self.next_line();
        }
    }
}
