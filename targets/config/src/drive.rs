//! Drives with settings: which there are, and which of their files are read.

use heapless::String;

use crate::document::{self, Refused};
use crate::interface::{Interfaces, word};
use crate::meaning::{Meaning, keys, meaning};
use crate::sink::Sink;
use crate::words;

/// The kind of a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// cloud-init's NoCloud: the label is `cidata`.
    NoCloud,
    /// OpenStack's config drive: the label is `config-2`.
    ConfigDrive,
}

impl Kind {
    /// The kind of a drive with this label, which may be padded with spaces or zeros. `None` if it has no settings.
    pub fn of(label: &[u8]) -> Option<Self> {
        let label = label.split(|&byte| byte == 0).next().unwrap_or_default().trim_ascii_end();
        [Self::NoCloud, Self::ConfigDrive].into_iter().find(|kind| label.eq_ignore_ascii_case(kind.label().as_bytes()))
    }

    /// The label that makes a drive one of this kind.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoCloud => "cidata",
            Self::ConfigDrive => "config-2",
        }
    }

    /// The files that are read, in this order.
    const fn files(self) -> [&'static str; 3] {
        match self {
            Self::NoCloud => ["meta-data", USER_DATA, "network-config"],
            Self::ConfigDrive => {
                ["openstack/latest/meta_data.json", OPENSTACK_USER_DATA, "openstack/latest/network_data.json"]
            }
        }
    }
}

/// The files that may have something else than settings.
const USER_DATA: &str = "user-data";
const OPENSTACK_USER_DATA: &str = "openstack/latest/user_data";

/// The files of a drive.
pub trait Files {
    /// Reads the file at `path`, names separated by `/`, to the beginning of `into`. Returns its size.
    ///
    /// # Errors
    /// If it cannot be read, or is larger than `into`. The error says so in words.
    fn read(&mut self, path: &str, into: &mut [u8]) -> Result<usize, &'static str>;
}

/// Reads the files of a drive into `room`, one after the other, and hands their settings to `sink`. Nothing is taken from a file
/// that is not understood as a whole.
pub fn read(kind: Kind, files: &mut dyn Files, room: &mut [u8], sink: &mut dyn Sink) {
    for path in kind.files() {
        let read = files.read(path, room).map_err(|reason| Refused { line: 0, reason });
        if let Err(Refused { line, reason }) = read.and_then(|size| file(path, room.get(..size), sink)) {
            sink.refused(path, line, reason);
        }
    }
}

/// Hands the settings of a file to a sink.
fn file(path: &'static str, content: Option<&[u8]>, sink: &mut dyn Sink) -> Result<(), Refused> {
    let text = str::from_utf8(content.unwrap_or_default());
    let text = text.map_err(|_| Refused { line: 0, reason: "it is not UTF-8" })?;
    if matches!(path, USER_DATA | OPENSTACK_USER_DATA) && !text.starts_with("#cloud-config") {
        return Err(Refused { line: 0, reason: "it is no cloud-config" });
    }
    document::read(text, &mut |_| ())?;
    let (mut interfaces, mut last) = (Interfaces::default(), String::new());
    document::read(text, &mut |leaf| {
        let keys = keys(leaf.path);
        let is_used = match meaning(&keys).filter(|_| !leaf.value.is_empty()) {
            // Without its domain, as cloud-init has it.
            Some(Meaning::HostName) => {
                word(sink, &["hostname=", leaf.value.split('.').next().unwrap_or_default()]);
                true
            }
            Some(Meaning::Words) => {
                words::read(leaf.value.as_bytes(), sink);
                true
            }
            Some(Meaning::NameServer) => {
                word(sink, &["nameserver=", leaf.value]);
                true
            }
            Some(meaning) => interfaces.take(meaning, leaf, sink),
            None => false,
        };
        // Once for a list.
        if !is_used && keys != last {
            sink.unused(path, leaf.line, &keys);
            last = keys;
        }
    })?;
    interfaces.finish(sink);
    Ok(())
}
