//! The block style: an element a line, its depth by its indentation.

use super::{Done, Has, KIND, Level, NO_KEY, Reader, Step, TOO_DEEP};

impl<'d> Reader<'d, '_> {
    pub(super) fn document(&mut self) -> Done {
        while !self.is_at_end() {
            let begin = self.at;
            let is_done = self.is_line_done();
            let column = self.at - begin;
            let rest = self.text.get(self.at..).unwrap_or_default();
            if column == 0 && self.root == Has::Nothing && rest.starts_with("---") {
                self.at += 3;
                self.end_line()?;
            } else if column == 0 && rest.starts_with("...") {
                break;
            } else if is_done {
                self.next_line();
            } else {
                self.line_of_block(column)?;
            }
        }
        Ok(())
    }

    /// Reads a line that begins in a column, and the lines that its value goes on in.
    fn line_of_block(&mut self, column: usize) -> Done {
        let begin = self.at - column;
        let (mut is_item, mut has_key) = (false, false);
        loop {
            match self.next() {
                b'-' if self.is_space(1) && !has_key => {
                    self.element(self.at - begin, Step::Item(0))?;
                    is_item = true;
                    self.at += 1;
                }
                b'{' | b'[' if is_item || has_key || self.root == Has::Nothing => {
                    self.flow()?;
                    break;
                }
                b'|' | b'>' if is_item || has_key => {
                    self.hand_out("");
                    self.skip_text();
                    self.has_value();
                    return Ok(());
                }
                _ => {
                    let column = self.at - begin;
                    let text = self.scalar(false)?;
                    self.skip_spaces();
                    if self.next() != b':' {
                        if !is_item && !has_key {
                            return Err(NO_KEY);
                        }
                        self.hand_out(text);
                        break;
                    }
                    if has_key || !self.is_space(1) {
                        return Err(KIND);
                    }
                    self.element(column, Step::Key(text))?;
                    has_key = true;
                    self.at += 1;
                }
            }
            if self.is_line_done() {
                return self.end_line();
            }
        }
        self.has_value();
        self.end_line()
    }

    /// Notes that the element that was read last has a value.
    fn has_value(&mut self) {
        *self.levels.last_mut().map_or(&mut self.root, |level| &mut level.has) = Has::Value;
    }

    /// Goes to an element that begins in a column: the next one of the map or list there, or the first one of a new one.
    fn element(&mut self, column: usize, mut step: Step<'d>) -> Done {
        let list = matches!(step, Step::Item(_));
        while let Some(level) = self.levels.last().filter(|level| level.column >= column) {
            // A list may begin in the column of its key.
            if list && level.column == column && matches!(self.path.last(), Some(Step::Key(_))) {
                break;
            }
            let is_same = level.column == column;
            self.levels.pop();
            if let (Some(last @ Step::Item(_)), true, true) = (self.path.pop(), list, is_same) {
                step = last.after()?;
                break;
            }
        }
        let parent = self.levels.last_mut().map_or(&mut self.root, |level| &mut level.has);
        let elements = Has::Elements { column, list };
        if *parent != Has::Nothing && *parent != elements {
            return Err("it is not indented as the lines before");
        }
        *parent = elements;
        self.levels.push(Level { column, has: Has::Nothing }).map_err(|_| TOO_DEEP)?;
        self.enter(step)
    }

    /// Skips the lines of a text in a block: this one, and those that are indented more than what it belongs to.
    fn skip_text(&mut self) {
        let column = self.levels.last().map_or(0, |level| level.column);
        loop {
            self.next_line();
            let begin = self.at;
            self.skip_spaces();
            let is_text = self.next() == b'\n' || self.at - begin > column;
            if self.is_at_end() || !is_text {
                self.at = begin;
                break;
            }
        }
    }
}
