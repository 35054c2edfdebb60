//! The names of the operating system, in os-release(5).

use alloc::string::{String, ToString};

use rustix::fs::stat;
use rustix::time::{ClockId, clock_gettime};

use super::files::read_text;

/// Where an operating system without `/etc/os-release` has it.
const OTHER: &str = "/usr/lib/os-release";

/// What an operating system says of itself.
#[derive(Debug, Default)]
pub struct OsRelease {
    pub id: Option<String>,
    pub name: Option<String>,
    pub pretty_name: Option<String>,
    pub version: Option<String>,
    pub version_id: Option<String>,
    pub variant: Option<String>,
    pub variant_id: Option<String>,
}

/// What the file said when it was read last. Hosts ask often, and it hardly ever changes.
#[derive(Debug, Default)]
pub struct Known {
    of: Option<State>,
    release: OsRelease,
}

/// What differs between two states of a file: its device, inode, size, and when it was changed, in seconds and nanoseconds.
/// Each architecture has types of its own for them.
type State = (u64, u64, i64, (i64, i64));

/// For how many seconds a file may change again without another time of change: its clock only ticks.
const TICK: i64 = 2;

impl Known {
    /// Reads the file at a path, or where else it may be, unless it is as it was. Without one nothing is known.
    pub fn look(&mut self, path: &str) -> &OsRelease {
        // Before the file is read: a change after that is another state.
        let file = stat(path).or_else(|_| stat(OTHER)).ok();
        let state = file.map(|file| {
            (file.st_dev as _, file.st_ino as _, file.st_size as _, (file.st_ctime as _, file.st_ctime_nsec as _))
        });
        if state.is_none() || state != self.of {
            self.release = OsRelease::parse(&read_text(path).or_else(|_| read_text(OTHER)).unwrap_or_default());
            let now = clock_gettime(ClockId::Realtime).tv_sec;
            self.of = state.filter(|(.., (changed, _))| now - changed > TICK);
        }
        &self.release
    }
}

impl OsRelease {
    /// Takes each field from the last line that begins with its key.
    pub(super) fn parse(file: &str) -> Self {
        let mut release = Self::default();
        for (key, value) in file.lines().filter_map(|line| line.split_once('=')) {
            if let Some(field) = release.field(key.trim()) {
                *field = Some(unquoted(value.trim()));
            }
        }
        release
    }

    fn field(&mut self, key: &str) -> Option<&mut Option<String>> {
        Some(match key {
            "ID" => &mut self.id,
            "NAME" => &mut self.name,
            "PRETTY_NAME" => &mut self.pretty_name,
            "VERSION" => &mut self.version,
            "VERSION_ID" => &mut self.version_id,
            "VARIANT" => &mut self.variant,
            "VARIANT_ID" => &mut self.variant_id,
            _ => return None,
        })
    }
}

/// What a shell would make of a value.
fn unquoted(value: &str) -> String {
    let quoted = ['"', '\''].iter().find_map(|&quote| Some((quote, value.strip_prefix(quote)?)));
    let Some((quote, rest)) = quoted else {
        return value.split([' ', ';']).next().unwrap_or_default().to_string();
    };
    let mut text = String::with_capacity(rest.len());
    let mut characters = rest.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quote == '"' => text.push(characters.next_if(|next| "$'\"\\`".contains(*next)).unwrap_or('\\')),
            _ if character == quote => break,
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n\
        # ID=not this\nID=debian\nHOME_URL=\"https://www.debian.org/\"\n";

    #[test]
    fn os_release_is_read_as_a_shell_reads_it() {
        let release = OsRelease::parse(DEBIAN);
        assert_eq!(release.pretty_name.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(release.id.as_deref(), Some("debian"));
        assert_eq!(release.version, None);
        for (value, expected) in [
            ("plain", "plain"),
            ("two words", "two"),
            ("one;two", "one"),
            (r#""a \"b\" \$c \\ \x""#, r#"a "b" $c \ \x"#),
            (r"'no \escapes'", r"no \escapes"),
            (r#""never closed"#, "never closed"),
            (r#""\"#, r"\"),
            ("", ""),
        ] {
            assert_eq!(unquoted(value), expected, "{value}");
        }
    }

    #[test]
    fn a_file_that_changes_is_read_again() {
        let path = std::env::temp_dir().join(format!("nanoqga-os-release-{}", std::process::id()));
        let name = path.to_str().unwrap();
        let mut known = Known::default();
        // The second one is written in the same tick, and is as long.
        for id in ["one", "two", "three"] {
            std::fs::write(&path, format!("ID={id}")).unwrap();
            assert_eq!(known.look(name).id.as_deref(), Some(id));
        }
        std::fs::remove_file(&path).unwrap();
        // Nothing of it is known any more.
        let other = OsRelease::parse(&std::fs::read_to_string(OTHER).unwrap_or_default());
        assert_eq!(known.look(name).id, other.id);
    }

    #[test]
    fn the_last_line_of_a_key_counts() {
        assert_eq!(OsRelease::parse("ID=one\n ID = two\n=\nID\n").id.as_deref(), Some("two"));
    }
}
