//! Who is logged in, as systemd-logind notes it below `/run`: systems whose times have 64 bits no longer have a utmp(5).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::files::{names, read_text};

/// The directory with a file for each session. logind writes each change to another file, which takes the place of the old one.
pub const SESSIONS: &str = "/run/systemd/sessions";

/// The user of each session, and its begin in seconds since 1970, in no order. A user may have several.
pub fn all() -> Vec<(String, f64)> {
    let names = names(SESSIONS).unwrap_or_default();
    // A session has a FIFO beside its file.
    let files = names.iter().filter(|name| !name.ends_with(".ref"));
    files.filter_map(|name| login(&read_text(&format!("{SESSIONS}/{name}")).ok()?)).collect()
}

/// The login in a session's file: lines of `NAME=VALUE`, as libsystemd reads them (sd_session_get_username(3)).
fn login(text: &str) -> Option<(String, f64)> {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    // Screens that greet, and what runs without anyone, are classes of their own.
    let is_person = value("CLASS")?.starts_with("user") && value("STATE") != Some("closing");
    let microseconds: u64 = value("REALTIME")?.parse().ok()?;
    if is_person { Some((value("USER")?.into(), microseconds as f64 / 1e6)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "# This is private data. Do not parse.\nUID=1000\nUSER=mallory\nACTIVE=1\nSTATE=active\nREMOTE=1\n\
                           TYPE=tty\nCLASS=user\nREALTIME=1796027732500000\nMONOTONIC=5000000\n";

    #[test]
    fn a_session_is_a_login() {
        assert_eq!(login(SESSION), Some(("mallory".into(), 1_796_027_732.5)));
        assert!(login(&SESSION.replace("=user\n", "=user-early\n")).is_some());
    }

    #[test]
    fn what_is_no_persons_is_none() {
        for (from, to) in [
            ("=user\n", "=greeter\n"),
            ("=user\n", "=manager\n"),
            ("=active", "=closing"),
            ("REALTIME", "X"),
            ("USER", "X"),
        ] {
            assert_eq!(login(&SESSION.replace(from, to)), None, "{to}");
        }
        assert_eq!(login(""), None);
    }
}
