//! What a guest must answer: its files, which behave as C's streams do, its clock, its keys, and what is frozen.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tests::time::{SECOND, host_time};

/// The names of all files, below the guest's folder.
pub const NAMES: [&str; 4] = ["one", "Two with a long name.text", "three", "Four with a long name"];
pub const MODES: [&str; 6] = ["r", "r+", "w", "w+", "a", "a+"];

/// No file gets longer, in bytes.
pub const LONGEST: usize = 100_000;

/// How far two clocks may be apart: some machines' clocks count seconds.
const APART: i64 = 3 * SECOND;

/// What a reply must be.
#[derive(Debug)]
pub enum Due {
    Value(Value),
    /// An error whose text ends so.
    Refusal(&'static str),
}

/// The state of a guest.
#[derive(Clone, Debug)]
pub struct Model {
    files: BTreeMap<&'static str, Vec<u8>>,
    pub open: Vec<Open>,
    pub last_handle: i64,
    pub is_frozen: bool,
    pub clock: Clock,
    /// The address of its network card.
    pub address: String,
    pub keys: Vec<String>,
}

/// An open file.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    pub handle: i64,
    name: &'static str,
    mode: &'static str,
    position: usize,
}

impl Open {
    fn reads(&self) -> bool {
        self.mode.starts_with('r') || self.mode.ends_with('+')
    }

    fn writes(&self) -> bool {
        self.mode != "r"
    }
}

impl Model {
    /// A guest without a file, whose clock is right.
    pub fn new(address: &str) -> Self {
        Self {
            files: BTreeMap::new(),
            open: Vec::new(),
            last_handle: 0,
            is_frozen: false,
            clock: Clock { least: 0, most: 0 },
            address: address.into(),
            keys: Vec::new(),
        }
    }

    pub fn files(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.files.iter().map(|(name, content)| (*name, &**content))
    }

    /// The content of a file, if there is one of that name.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Whether a file can be opened like that.
    pub fn can_open(&self, name: &str, mode: &str) -> bool {
        !mode.starts_with('r') || self.files.contains_key(name)
    }

    /// The guest has opened a file, by a handle that it must never have given before.
    pub fn opened(&mut self, name: &'static str, mode: &'static str, handle: i64) -> Result<()> {
        ensure!(handle > self.last_handle, "handle {handle} after {}", self.last_handle);
        self.last_handle = handle;
        let content = self.files.entry(name).or_default();
        if mode.starts_with('w') {
            content.clear();
        }
        self.open.push(Open { handle, name, mode, position: 0 });
        Ok(())
    }

    /// Reads from the open file with this index.
    pub fn read(&mut self, index: usize, count: usize) -> Due {
        let file = &mut self.open[index];
        if !file.reads() {
            return Due::Refusal("Bad file descriptor");
        }
        let rest = self.files[file.name].get(file.position..).unwrap_or_default();
        let bytes = &rest[..count.min(rest.len())];
        file.position += bytes.len();
        Due::Value(json!({"count": bytes.len(), "buf-b64": BASE64.encode(bytes), "eof": bytes.len() < count}))
    }

    /// Whether so many bytes more do not make a file too long.
    pub fn has_room(&self, index: usize, count: usize) -> bool {
        let Open { name, position, .. } = self.open[index];
        position.max(self.files[name].len()) + count <= LONGEST
    }

    pub fn write(&mut self, index: usize, bytes: &[u8]) -> Due {
        let file = &mut self.open[index];
        if !file.writes() {
            return Due::Refusal("Bad file descriptor");
        }
        let Some(content) = self.files.get_mut(file.name) else { return Due::Refusal("") };
        let at = if file.mode.starts_with('a') { content.len() } else { file.position };
        file.position = at + bytes.len();
        content.resize(content.len().max(file.position), 0);
        content[at..file.position].copy_from_slice(bytes);
        Due::Value(json!({"count": bytes.len(), "eof": false}))
    }

    /// Seeks from the file's beginning, the position or the file's end: 0, 1 or 2.
    pub fn seek(&mut self, index: usize, offset: i64, whence: usize) -> Due {
        let file = &mut self.open[index];
        let from = [0, file.position, self.files[file.name].len()][whence];
        match from.checked_add_signed(offset as isize) {
            Some(position) => {
                file.position = position;
                Due::Value(json!({"position": position, "eof": false}))
            }
            None => Due::Refusal("Invalid argument"),
        }
    }
}

/// By how much a guest's clock goes before the host's, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    least: i64,
    most: i64,
}

impl Clock {
    /// The guest's clock is read by `read`, whenever that was.
    pub fn is_read(&self, read: impl FnOnce() -> Result<i64>) -> Result<()> {
        let before = host_time()? + self.least - APART;
        let time = read()?;
        let after = host_time()? + self.most + APART;
        ensure!((before..=after).contains(&time), "the guest's clock has {time}, which is not in {before}..={after}");
        Ok(())
    }

    /// `set` sets the guest's clock to `time`.
    pub fn is_set(time: i64, set: impl FnOnce() -> Result<()>) -> Result<Self> {
        let before = host_time()?;
        set()?;
        Ok(Self { least: time - host_time()?, most: time - before })
    }

    /// It is one of two.
    pub fn or(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    /// It has stood still for a while, in nanoseconds, or a part of it.
    pub fn stood(&mut self, while_host_went_on: i64) {
        self.least -= while_host_went_on;
    }

    /// It was set from a clock that counts seconds.
    pub fn was_rounded(&mut self) {
        self.least -= SECOND;
        self.most += SECOND;
    }
}
