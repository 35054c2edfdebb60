//! The names of the operating system, in os-release(5).

use alloc::string::{String, ToString};

use super::files::read_file;

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

impl OsRelease {
    /// Reads the file at a path, or where else it may be. Without one nothing is known.
    pub fn read(path: &str) -> Self {
        let file = read_file(path).or_else(|_| read_file(OTHER)).unwrap_or_default();
        let text = String::from_utf8(file).unwrap_or_default();
        let keys = ["ID", "NAME", "PRETTY_NAME", "VERSION", "VERSION_ID", "VARIANT", "VARIANT_ID"];
        let [id, name, pretty_name, version, version_id, variant, variant_id] = keys.map(|key| field(&text, key));
        Self { id, name, pretty_name, version, version_id, variant, variant_id }
    }
}

/// A field: the last of the lines that begin with its key.
pub fn field(file: &str, key: &str) -> Option<String> {
    let value = |line: &str| {
        let (found, value) = line.trim_start().split_once('=')?;
        (found.trim_end() == key).then(|| unquoted(value.trim()))
    };
    file.lines().rev().find_map(value)
}

/// What a shell would make of a value.
fn unquoted(value: &str) -> String {
    let quote = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quote,
        _ => return value.split([' ', ';']).next().unwrap_or_default().to_string(),
    };
    let mut text = String::new();
    let mut characters = value.chars().skip(1).peekable();
    while let Some(character) = characters.next() {
        let escaped = characters.peek().copied().filter(|next| "$'\"\\`".contains(*next));
        match (character, escaped) {
            ('\\', Some(escaped)) if quote == '"' => {
                text.push(escaped);
                characters.next();
            }
            _ if character == quote => break,
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n\
        # ID=not this\nID=debian\nHOME_URL=\"https://www.debian.org/\"\n";

    #[test]
    fn os_release_is_read_as_a_shell_reads_it() {
        let field = |key| field(DEBIAN, key);
        assert_eq!(field("PRETTY_NAME").as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(field("ID").as_deref(), Some("debian"));
        assert_eq!((field("VERSION"), field("")), (None, None));
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
    fn the_last_line_of_a_key_counts() {
        assert_eq!(field("ID=one\nID=two\n=\nID\n", "ID").as_deref(), Some("two"));
    }
}
