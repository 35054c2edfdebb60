//! A request and its two replies, and when these are alike.

use debian::reference::Version;
use serde_json::{Map, Value};

use crate::agents::{Line, Place};

/// A request and its two replies; for bytes that are no request, all that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The command that the request was made for; empty if it is none.
    pub command: &'a str,
    /// The reference's.
    pub version: Version,
    /// Whether it may be anything, and be answered by any number of lines.
    pub broken: bool,
    pub request: &'a [u8],
    /// Where the message begins that the first lines answer, if that is known.
    pub begin: Option<Begin<'a>>,
    pub ours: &'a [Line],
    pub theirs: &'a [Line],
}

/// Where a message begins.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a> {
    /// How many bytes stand before it in its line.
    pub indent: usize,
    /// The text from its first byte on.
    pub message: &'a [u8],
}

impl Begin<'_> {
    /// The column that qemu-ga tells of a place that is this one for ours.
    fn their_column(self, Place { line, column }: Place) -> usize {
        // Other messages may have begun in the first line.
        let indent = if line == 1 { self.indent } else { 0 };
        // A number or a word ends at the byte behind it, which is counted again if a token begins there.
        let text = self.message.split(|byte| *byte == b'\n').nth(line as usize - 1).unwrap_or_default();
        let before = column.checked_sub(2).and_then(|before| text.get(before));
        let again = before.is_some_and(u8::is_ascii_alphanumeric);
        column + indent + usize::from(again)
    }
}

impl Exchange<'_> {
    /// Whether all that both have answered is the same.
    pub fn is_alike(&self) -> bool {
        let lines = self.ours.iter().zip(self.theirs);
        self.ours.len() == self.theirs.len() && lines.into_iter().all(|(ours, theirs)| self.line_is_alike(ours, theirs))
    }

    /// Whether a line of ours and one of the reference's say the same.
    pub fn line_is_alike(&self, ours: &Line, theirs: &Line) -> bool {
        let (Some(one), Some(other)) = (&ours.value, &theirs.value) else {
            // Too deep for a value, or no JSON.
            return ours.text.replace(' ', "") == theirs.text.replace(' ', "");
        };
        let changing = changes(self.command);
        ours.delimited == theirs.delimited
            && same(one.get("id"), other.get("id"))
            && same(one.get("error"), other.get("error"))
            && members(one) == members(other)
            && match (one.get("return"), other.get("return")) {
                (Some(one), Some(other)) if changing => shape(one) == shape(other),
                (one, other) => same(one, other),
            }
    }

    /// Whether both complain of the grammar, in which case their words must be the same since QEMU 11.1.
    pub fn is_grammar(&self, ours: &Line, theirs: &Line) -> bool {
        let of_grammar = |line: &Line| line.is_syntax() && !is_lexical(line);
        self.version >= Version(11, 1, 0) && of_grammar(ours) && of_grammar(theirs)
    }

    /// Whether each error of ours that has one tells its place, and the first one has the reference's column if it has the
    /// reference's words. The reference's lines are not compared, because it counts those of all messages.
    pub fn is_at_same_place(&self) -> bool {
        let has_place = |line: &Line| line.complaint().is_some_and(|text| text.starts_with("JSON parse error, "));
        let told = self.ours.iter().all(|line| line.place.is_some() == has_place(line));
        let ([ours, ..], [theirs, ..]) = (self.ours, self.theirs) else { return told };
        let (Some(own), Some(place), Some(begin)) = (ours.place, theirs.place, self.begin) else { return told };
        let same = ours.complaint() == theirs.complaint();
        // Each of these may be two errors in the same words.
        let two = ours.is_reset() || self.has_noncharacter() || self.has_zero_with_exponent();
        told && (!same || two || begin.their_column(own) == place.column)
    }

    /// Whether it has a lone 0 with an exponent, which the reference refuses.
    pub fn has_zero_with_exponent(&self) -> bool {
        self.request.windows(3).any(|text| !text[0].is_ascii_digit() && text[1..] == *b"0e")
    }

    /// Whether it has a code point that Unicode calls a noncharacter, which the reference refuses.
    pub fn has_noncharacter(&self) -> bool {
        let request = String::from_utf8_lossy(self.request).to_lowercase();
        ["\u{ffff}", "\\ufff", "\\udbff\\udff"].iter().any(|spelled| request.contains(spelled))
    }

    /// The one line of each.
    pub fn lines(&self) -> Option<[&Line; 2]> {
        match (self.ours, self.theirs) {
            ([ours], [theirs]) => Some([ours, theirs]),
            _ => None,
        }
    }

    /// What each returned.
    pub fn returned(&self) -> Option<[&Value; 2]> {
        let [ours, theirs] = self.lines()?;
        Some([ours.value.as_ref()?.get("return")?, theirs.value.as_ref()?.get("return")?])
    }

    /// What each complains of, if both have errors of one class, with one `id`.
    pub fn complaints(&self) -> Option<[&str; 2]> {
        let [ours, theirs] = self.lines()?;
        let [one, other] = [ours.value.as_ref()?, theirs.value.as_ref()?];
        let alike = one["error"]["class"] == other["error"]["class"] && same(one.get("id"), other.get("id"));
        if alike { Some([one["error"]["desc"].as_str()?, other["error"]["desc"].as_str()?]) } else { None }
    }
}

/// Whether qemu-ga found it before it looked at the grammar: then its words quote all that it held of a token.
fn is_lexical(line: &Line) -> bool {
    let words =
        ["stray '", "invalid keyword '", "escape sequence in string", "UTF-8 sequence", "valid Unicode character"];
    line.complaint().is_some_and(|text| words.iter().any(|words| text.contains(words)))
}

/// Whether what a command returns is the machine's and may change between two calls: then its shape is compared.
fn changes(command: &str) -> bool {
    let prefixes = ["guest-get-", "guest-info", "guest-network-", "guest-fstrim"];
    // A handle counts all that were opened, also by what only one agent takes for a request.
    // A program's number is the kernel's.
    ["guest-exec", "guest-file-open"].contains(&command) || prefixes.iter().any(|prefix| command.starts_with(prefix))
}

fn members(value: &Value) -> Vec<&String> {
    value.as_object().into_iter().flat_map(Map::keys).collect()
}

/// Equality, but that of numbers is by what they are worth: one agent tells them as they came, the other as C prints them.
fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => {
            one == other || !(one.is_i64() && other.is_i64()) && one.as_f64() == other.as_f64()
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(Some(one), Some(other)))
        }
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            one.len() == other.len() && one.iter().all(|(name, value)| same(Some(value), other.get(name)))
        }
        (one, other) => one == other,
    }
}

/// The same with an empty value of each type in place of all that is not a list or an object, and of elements that have the
/// same shape only one.
pub fn shape(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => false.into(),
        Value::Number(_) => 0.into(),
        Value::String(_) => "".into(),
        Value::Array(list) => {
            let mut shapes: Vec<Value> = list.iter().map(shape).collect();
            shapes.sort_by_key(Value::to_string);
            shapes.dedup();
            shapes.into()
        }
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
    }
}
