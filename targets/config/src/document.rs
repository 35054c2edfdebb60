//! Reads documents in the part of YAML 1.2 that cloud-init's tools, Proxmox and OpenStack write: maps, lists, plain and quoted
//! texts, and the flow style, which is JSON. Everything else is refused by its line.
//!
//! A text in a block (`|`, `>`) and one with escapes count as empty: nothing that is understood here needs them.
//!
//! Own code, because it must neither allocate nor panic, and must name the line and the keys that it does not understand.
//! serde-json-core could read JSON, but would drop the names of keys that mean nothing here, and make this reader no smaller.

mod block;
mod flow;
mod scalar;

use heapless::Vec;

/// How deep maps and lists may lie in each other.
pub const MAX_DEPTH: usize = 10;

/// What leads from a map or list to one of its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'d> {
    /// To the value of a map's key.
    Key(&'d str),
    /// To an element of a list, by its index.
    Item(u16),
}

impl Step<'_> {
    /// The step to the next element of a list.
    fn after(self) -> Result<Self, &'static str> {
        match self {
            Self::Item(index) => index.checked_add(1).map(Self::Item).ok_or("a list is too long"),
            key => Ok(key),
        }
    }
}

/// A text, number or other value that is no map and no list.
#[derive(Debug)]
pub struct Leaf<'l, 'd> {
    /// What leads to it from the outermost map or list. A key `network` that is around all is left out.
    pub path: &'l [Step<'d>],
    /// The value, without quotes and escapes.
    pub value: &'l str,
    /// The line that it ends in, from 1 on.
    pub line: u32,
    /// A number that it shares with all values below the same first two steps, and with no others.
    pub element: u32,
}

/// Why a document is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The line, from 1 on.
    pub line: u32,
    /// What is wrong there.
    pub reason: &'static str,
}

type Take<'t> = dyn FnMut(&Leaf<'_, '_>) + 't;

/// Hands each value of a document to `take`, in the document's order.
///
/// # Errors
/// If the document has something that is not understood. Values before that were handed out.
pub fn read(text: &str, take: &mut Take<'_>) -> Result<(), Refused> {
    let mut reader =
        Reader { text, at: 0, line: 1, path: Vec::new(), element: 0, levels: Vec::new(), root: Has::Nothing, take };
    reader.document().map_err(|reason| Refused { line: reader.line, reason })
}

/// What an element of a map or list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    /// Nothing so far.
    Nothing,
    /// A value.
    Value,
    /// A map, or a list if `list`, whose elements begin in this column.
    Elements { column: usize, list: bool },
}

/// An element of a map or list in block style, on the way to the current line.
#[derive(Clone, Copy, Debug)]
struct Level {
    column: usize,
    has: Has,
}

struct Reader<'d, 't> {
    text: &'d str,
    /// The next byte.
    at: usize,
    line: u32,
    path: Vec<Step<'d>, MAX_DEPTH>,
    /// How often the second step was made.
    element: u32,
    /// One for each step of `path` that was not made in flow style.
    levels: Vec<Level, MAX_DEPTH>,
    root: Has,
    take: &'t mut Take<'t>,
}

type Done = Result<(), &'static str>;

const TOO_DEEP: &str = "maps and lists lie too deep in each other";
const NO_KEY: &str = "there is no key";
const KIND: &str = "this kind of value is not understood";

impl<'d> Reader<'d, '_> {
    /// Makes a step down.
    fn enter(&mut self, step: Step<'d>) -> Done {
        self.path.push(step).map_err(|_| TOO_DEEP)?;
        self.element += u32::from(own_path(&self.path).len() == 2);
        Ok(())
    }

    /// The byte that is so many bytes ahead. A line's end stands at the text's end, too.
    fn ahead(&self, bytes: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.at.saturating_add(bytes))
            .map_or(b'\n', |&byte| if byte == b'\r' { b'\n' } else { byte })
    }

    /// The next byte.
    fn next(&self) -> u8 {
        self.ahead(0)
    }

    /// Whether the byte that is so many bytes ahead separates: so an indicator before it is one.
    fn is_space(&self, bytes: usize) -> bool {
        matches!(self.ahead(bytes), b' ' | b'\n')
    }

    fn skip_spaces(&mut self) {
        while self.next() == b' ' {
            self.at += 1;
        }
    }

    /// Skips spaces. Returns whether nothing but a comment is left of the line.
    fn is_line_done(&mut self) -> bool {
        self.skip_spaces();
        matches!(self.next(), b'\n' | b'#')
    }

    /// Goes to the next line, if nothing but a comment is left of this one.
    fn end_line(&mut self) -> Done {
        if !self.is_line_done() {
            return Err("what follows the value is not understood");
        }
        self.next_line();
        Ok(())
    }

    fn next_line(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|&&byte| byte != b'\n').count() + 1;
        self.line += 1;
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn hand_out(&mut self, value: &str) {
        (self.take)(&Leaf { path: own_path(&self.path), value, line: self.line, element: self.element });
    }
}

/// A path without the key `network`, which may be around a network configuration.
fn own_path<'p, 'd>(path: &'p [Step<'d>]) -> &'p [Step<'d>] {
    path.strip_prefix(&[Step::Key("network")]).unwrap_or(path)
}
