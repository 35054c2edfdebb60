//! The names of the operating system, in os-release(5).

use alloc::string::{String, ToString};

use super::files::read_text;
use super::reading::Reading;

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

/// What its file said last.
pub type Known = Reading<OsRelease>;

impl Known {
    /// What the file at `path` says, or the one where else it may be. Without one nothing is known.
    pub fn release(&mut self, path: &str) -> &OsRelease {
        self.look(&[path, OTHER], |path| Some(OsRelease::parse(&read_text(path).ok()?)))
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
            assert_eq!(known.release(name).id.as_deref(), Some(id));
        }
        std::fs::remove_file(&path).unwrap();
        // Nothing of it is known any more.
        let other = OsRelease::parse(&std::fs::read_to_string(OTHER).unwrap_or_default());
        assert_eq!(known.release(name).id, other.id);
    }

    #[test]
    fn the_last_line_of_a_key_counts() {
        assert_eq!(OsRelease::parse("ID=one\n ID = two\n=\nID\n").id.as_deref(), Some("two"));
    }
}
