//! `os`: the kernel's names, os-release, the host's name, and the time zone.

use alloc::string::{String, ToString};
use core::ffi::CStr;
use core::mem::MaybeUninit;

use nanoqga::Failure;
use nanoqga::commands::os::{Os, OsInfo, Timezone};
use rustix::system::{Uname, uname};

use super::Guest;
use super::system::read_file;

/// Where an operating system without `/etc/os-release` has it.
const OTHER_RELEASE: &str = "/usr/lib/os-release";

/// What was asked for last.
#[derive(Debug, Default)]
pub struct Names {
    kernel: Option<Uname>,
    release: String,
    zone: String,
    fields: [Option<String>; 7],
}

impl Os for Guest {
    fn os_info(&mut self) -> OsInfo<'_> {
        let names = &mut self.names;
        let file = read_file(&self.options.os_release).or_else(|_| read_file(OTHER_RELEASE)).unwrap_or_default();
        names.release = String::from_utf8(file).unwrap_or_default();
        let keys = ["ID", "NAME", "PRETTY_NAME", "VERSION", "VERSION_ID", "VARIANT", "VARIANT_ID"];
        names.fields = keys.map(|key| release_field(&names.release, key));
        let [id, name, pretty_name, version, version_id, variant, variant_id] =
            names.fields.each_ref().map(Option::as_deref);
        let kernel = names.kernel.insert(uname());
        OsInfo {
            kernel_release: kernel.release().to_str().ok(),
            kernel_version: kernel.version().to_str().ok(),
            machine: kernel.machine().to_str().ok(),
            id,
            name,
            pretty_name,
            version,
            version_id,
            variant,
            variant_id,
        }
    }

    fn host_name(&mut self) -> Result<&str, Failure> {
        let kernel = self.names.kernel.insert(uname());
        kernel.nodename().to_str().map_err(|_| Failure("the host name is no text"))
    }

    fn timezone(&mut self) -> Timezone<'_> {
        let (offset, zone) = local_zone(rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec);
        self.names.zone = zone;
        Timezone { zone: Some(&self.names.zone), offset }
    }
}

/// A field of os-release (os-release(5)): the last of the lines that begin with its key.
pub(super) fn release_field(file: &str, key: &str) -> Option<String> {
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

/// How far local time is from UTC at `now`, in seconds to the east, and what the zone is called then. libc reads `TZ` and
/// `/etc/localtime`.
fn local_zone(now: i64) -> (i32, String) {
    let mut broken_down = MaybeUninit::<libc::tm>::uninit();
    unsafe extern "C" {
        // libc has it for other systems only. POSIX.1-2024, `tzset`.
        fn tzset();
    }
    // SAFETY: nothing else in the program reads or sets the zone, and it has one thread.
    unsafe { tzset() };
    // SAFETY: the time is read and the broken-down time is written during the call.
    if unsafe { libc::localtime_r(&now, broken_down.as_mut_ptr()) }.is_null() {
        return (0, "UTC".to_string());
    }
    // SAFETY: localtime_r returned it, so it is filled.
    let broken_down = unsafe { broken_down.assume_init() };
    let offset = i32::try_from(broken_down.tm_gmtoff).unwrap_or_default();
    if broken_down.tm_zone.is_null() {
        return (offset, String::new());
    }
    // SAFETY: libc's name of a zone is a string that stays as it is until the zone is set again.
    let name = unsafe { CStr::from_ptr(broken_down.tm_zone) };
    (offset, name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n\
        # ID=not this\nID=debian\nHOME_URL=\"https://www.debian.org/\"\n";

    #[test]
    fn os_release_is_read_as_a_shell_reads_it() {
        let field = |key| release_field(DEBIAN, key);
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
        assert_eq!(release_field("ID=one\nID=two\n=\nID\n", "ID").as_deref(), Some("two"));
    }
}
