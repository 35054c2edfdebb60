//! What the guest's host has set, and who has said so.

use core::net::IpAddr;

use heapless::Vec;
use network::Settings as Networks;
use static_cell::ConstStaticCell;

use crate::words::Words;

/// Who says something. Those whose word counts more come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The kernel command line.
    CommandLine,
    /// QEMU's `-fw_cfg`.
    FwCfg,
    /// OEM strings in SMBIOS tables.
    Smbios,
    /// OpenStack's config drive.
    ConfigDrive,
    /// A drive of cloud-init's NoCloud.
    NoCloud,
}

impl Source {
    /// Its name for hosts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommandLine => "command line",
            Self::FwCfg => "fw_cfg",
            Self::Smbios => "SMBIOS",
            Self::ConfigDrive => "config drive",
            Self::NoCloud => "NoCloud",
        }
    }

    /// Whether it is read when the agent's channels are open already.
    const fn is_late(self) -> bool {
        matches!(self, Self::ConfigDrive | Self::NoCloud)
    }
}

/// How many settings are kept, and how many bytes they may have together.
const MAX_SETTINGS: usize = 64;
const ROOM: usize = 4096;

/// All settings.
#[derive(Debug)]
pub struct Settings {
    /// Those that were taken, in the order of their sources.
    kept: Vec<(Source, &'static str), MAX_SETTINGS>,
    /// What is left of the memory for their texts.
    room: &'static mut [u8],
    /// The agent's words.
    pub words: Words,
    /// The words about network interfaces.
    pub networks: Networks,
}

impl Settings {
    /// No settings. A second one has no room for any.
    pub fn new() -> Self {
        static TEXTS: ConstStaticCell<[u8; ROOM]> = ConstStaticCell::new([0; ROOM]);
        let room = TEXTS.try_take().map_or(&mut [][..], |texts| texts);
        Self { kept: Vec::new(), room, words: Words::default(), networks: Networks::default() }
    }

    /// Takes a word.
    ///
    /// # Errors
    /// If it is not understood, or an earlier source has said something of the same. The error is the reason in words.
    pub fn take(&mut self, source: Source, word: &str) -> Result<(), &'static str> {
        let about = subject(word);
        if self.kept.iter().any(|(other, kept)| *other != source && subject(kept) == about) {
            return Err("another source that counts more has it");
        }
        if source.is_late() && matches!(about, "agent" | "port") {
            return Err("it comes too late");
        }
        if self.kept.is_full() || self.room.len() < word.len() {
            return Err("there is no room for it");
        }
        if !(self.words.take(word) || self.networks.take(word, source as u8) || is_list(word)) {
            return Err("it is not understood");
        }
        if let Some(kept) = self.keep(word) {
            // There is room: see above.
            _ = self.kept.push((source, kept));
        }
        Ok(())
    }

    /// Copies a word to where it stays. `None` if there is no room for it.
    fn keep(&mut self, word: &str) -> Option<&'static str> {
        let (place, rest) = core::mem::take(&mut self.room).split_at_mut_checked(word.len())?;
        self.room = rest;
        place.iter_mut().zip(word.bytes()).for_each(|(place, byte)| *place = byte);
        str::from_utf8(place).ok()
    }

    /// The `index`-th setting: its name, its value, and who has said so.
    pub fn nth(&self, index: usize) -> Option<(&'static str, &'static str, Source)> {
        let (source, word) = self.kept.get(index)?;
        let (name, value) = word.split_once('=')?;
        Some((name, value, *source))
    }

    /// The values of all settings of a name.
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'static str> + 's {
        self.kept.iter().filter_map(move |(_, word)| word.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What a word is about: two sources that speak of the same must not both be heard.
fn subject(word: &str) -> &str {
    let name = word.split('=').next().unwrap_or_default();
    match name {
        // Each interface has its own. What names it ends at the first comma.
        "ip" | "route" | "mtu" => word.split(',').next().unwrap_or_default(),
        // There may be several.
        "nameserver" => word,
        _ => name,
    }
}

/// Whether it is a list of commands, or an address of a name server, which this guest only passes on.
fn is_list(word: &str) -> bool {
    match word.split_once('=') {
        Some(("allow" | "block", names)) => !names.is_empty(),
        Some(("nameserver", address)) => address.parse::<IpAddr>().is_ok(),
        _ => false,
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;
    use std::vec::Vec;

    use super::Source::{CommandLine, FwCfg, NoCloud};
    use super::*;

    fn settings() -> Settings {
        Settings { room: Box::leak(Box::new([0; 100])), ..Settings::new() }
    }

    fn all(settings: &Settings) -> Vec<(&str, &str, &str)> {
        (0..).map_while(|index| settings.nth(index)).map(|(name, value, source)| (name, value, source.name())).collect()
    }

    #[test]
    fn later_sources_add_to_earlier_ones() {
        let mut settings = settings();
        for (source, word, taken) in [
            (CommandLine, "hostname=a", true),
            (CommandLine, "ip=eth0,192.0.2.5/24", true),
            (FwCfg, "hostname=b", false),
            (FwCfg, "agent=com1", true),
            (FwCfg, "nameserver=192.0.2.53", true),
            (NoCloud, "ip=eth0,dhcp", false),
            (NoCloud, "ip=eth1,dhcp", true),
            (NoCloud, "nameserver=2001:db8::53", true),
            (NoCloud, "agent=com2", false),
            (NoCloud, "port=too.late", false),
        ] {
            assert_eq!(settings.take(source, word).is_ok(), taken, "{word}");
        }
        let expected = [
            ("hostname", "a", "command line"),
            ("ip", "eth0,192.0.2.5/24", "command line"),
            ("agent", "com1", "fw_cfg"),
            ("nameserver", "192.0.2.53", "fw_cfg"),
            ("ip", "eth1,dhcp", "NoCloud"),
            ("nameserver", "2001:db8::53", "NoCloud"),
        ];
        assert_eq!(all(&settings), expected);
        assert_eq!(settings.values("nameserver").count(), 2);
        assert_eq!(settings.words.host_name.as_deref(), Some("a"));
        assert_eq!(settings.networks.methods(0, [0; 6]).len(), 1);
    }

    #[test]
    fn unknown_words_are_not_kept_and_there_is_an_end_of_room() {
        let mut settings = settings();
        for word in ["quiet", "nameserver=router", "allow=", "allow", "ip=eth9,dhcp", "route=eth0,10.0.0.0/8"] {
            assert_eq!(settings.take(FwCfg, word), Err("it is not understood"), "{word}");
        }
        assert_eq!(settings.take(FwCfg, "block=guest-exec,guest-file-open"), Ok(()));
        let before = all(&settings).len();
        assert!(settings.take(FwCfg, &std::format!("allow={}", "x".repeat(4096))).is_err());
        assert_eq!(all(&settings).len(), before);
    }
}
