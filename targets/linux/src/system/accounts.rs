//! The users of `/etc/passwd`, and their passwords in `/etc/shadow` (passwd(5), shadow(5)).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::command;

/// How long a directory of users on a network may take to answer.
const SECONDS: u32 = 10;

/// A user of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub user: u32,
    pub group: u32,
    pub home: String,
    /// Whether the password is in `/etc/shadow`.
    pub shadowed: bool,
}

/// The user of this name.
pub fn find(passwd: &str, name: &str) -> Option<Account> {
    let account = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [found, password, user, group, _, home, ..] = *fields else { return None };
        let matches = !name.is_empty() && found == name;
        let (user, group) = (user.parse().ok()?, group.parse().ok()?);
        matches.then(|| Account { user, group, home: home.to_string(), shadowed: password == "x" })
    };
    passwd.lines().find_map(account)
}

/// The user of this name that is not in `/etc/passwd` but somewhere else: in LDAP, or at systemd-homed. `getent` asks there
/// (getent(1)), where there is one.
pub fn find_elsewhere(name: &str) -> Option<Account> {
    // A name with a hyphen in front would be an option.
    let ended = command::run(&["getent", "passwd", "--", name], Some(SECONDS)).ok()?;
    if ended.is_success() { find(&ended.output, name) } else { None }
}

/// `/etc/shadow` with another password for a user, set on `day` (of those since 1970-01-01). Who has no line there gets one.
pub fn with_shadow(shadow: &[u8], name: &str, hash: &str, day: u64) -> Vec<u8> {
    let changed = edit(shadow, name, |fields| {
        let rest = fields.get(3..).unwrap_or_default().join(&b':');
        [format!("{name}:{hash}:{day}:").as_bytes(), &rest].concat()
    });
    changed.unwrap_or_else(|| {
        let end = if shadow.is_empty() || shadow.ends_with(b"\n") { "" } else { "\n" };
        [shadow, format!("{end}{name}:{hash}:{day}:0:99999:7:::\n").as_bytes()].concat()
    })
}

/// `/etc/passwd` with another password for a user, if it has the user.
pub fn with_passwd(passwd: &[u8], name: &str, hash: &str) -> Option<Vec<u8>> {
    edit(passwd, name, |fields| {
        let rest = fields.get(2..).unwrap_or_default().join(&b':');
        [format!("{name}:{hash}:").as_bytes(), &rest].concat()
    })
}

/// The file with another line for the user, if it has one. All else stays as it is, whatever it is: it may be no text.
fn edit(file: &[u8], name: &str, line: impl Fn(&[&[u8]]) -> Vec<u8>) -> Option<Vec<u8>> {
    let mut edited = Vec::new();
    let mut found = false;
    for old in file.split_inclusive(|byte| *byte == b'\n') {
        let fields: Vec<&[u8]> = old.strip_suffix(b"\n").unwrap_or(old).split(|byte| *byte == b':').collect();
        if found || fields.len() < 2 || fields.first() != Some(&name.as_bytes()) {
            edited.extend_from_slice(old);
            continue;
        }
        found = true;
        edited.extend_from_slice(&line(&fields));
        edited.push(b'\n');
    }
    found.then_some(edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\nold:$1$ab$cd:12:34::/home/old:/bin/sh\n";
    const SHADOW: &str = "root:*:19000:0:99999:7:::\n# kept\nold:!:19000:0:99999:7::1:";

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let root = Account { user: 0, group: 0, home: "/root".into(), shadowed: true };
        assert_eq!(find(PASSWD, "root"), Some(root));
        assert!(!find(PASSWD, "old").unwrap().shadowed);
        for other in ["", "roo", "broken", "root:x", "x"] {
            assert_eq!(find(PASSWD, other), None, "{other}");
        }
        assert_eq!(find(":x:0:0::/:", ""), None);
        assert_eq!(find("a:x:-1:0::/:\na:x:4294967296:0::/:", "a"), None);
    }

    #[test]
    fn only_the_users_password_and_its_day_change() {
        let expected = "root:$6$s$h:20000:0:99999:7:::\n# kept\nold:!:19000:0:99999:7::1:";
        assert_eq!(with_shadow(SHADOW.as_bytes(), "root", "$6$s$h", 20000), expected.as_bytes());
        let expected = "root:*:19000:0:99999:7:::\n# kept\nold:h:1:0:99999:7::1:\n";
        assert_eq!(with_shadow(SHADOW.as_bytes(), "old", "h", 1), expected.as_bytes());
        let expected = "root:x:0:0:root:/root:/bin/sh\nbroken\nold:h:12:34::/home/old:/bin/sh\n";
        assert_eq!(with_passwd(PASSWD.as_bytes(), "old", "h").unwrap(), expected.as_bytes());
        assert_eq!(with_passwd(PASSWD.as_bytes(), "new", "h"), None);
    }

    #[test]
    fn bytes_that_are_no_text_stay_as_they_are() {
        let passwd = b"jos\xe9:x:1:1::/home/jos\xe9:/bin/sh\nold:x:2:2:\xff:/:/bin/sh";
        assert_eq!(
            with_passwd(passwd, "old", "h").unwrap(),
            b"jos\xe9:x:1:1::/home/jos\xe9:/bin/sh\nold:h:2:2:\xff:/:/bin/sh\n"
        );
    }

    #[test]
    fn who_has_no_line_gets_one() {
        assert_eq!(with_shadow(b"", "new", "h", 5), b"new:h:5:0:99999:7:::\n");
        assert_eq!(with_shadow(b"a:b:1:::::", "new", "h", 5), b"a:b:1:::::\nnew:h:5:0:99999:7:::\n");
    }
}
