//! The users of `/etc/passwd`, and their passwords in `/etc/shadow` (passwd(5), shadow(5)).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

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

/// `/etc/shadow` with another password for a user, set on `day` (of those since 1970-01-01). Who has no line there gets one.
pub fn with_shadow(shadow: &str, name: &str, hash: &str, day: u64) -> String {
    let changed = edit(shadow, name, |fields| {
        let rest = fields.get(3..).unwrap_or_default().join(":");
        format!("{name}:{hash}:{day}:{rest}")
    });
    changed.unwrap_or_else(|| {
        let end = if shadow.is_empty() || shadow.ends_with('\n') { "" } else { "\n" };
        format!("{shadow}{end}{name}:{hash}:{day}:0:99999:7:::\n")
    })
}

/// `/etc/passwd` with another password for a user, if it has the user.
pub fn with_passwd(passwd: &str, name: &str, hash: &str) -> Option<String> {
    edit(passwd, name, |fields| {
        let rest = fields.get(2..).unwrap_or_default().join(":");
        format!("{name}:{hash}:{rest}")
    })
}

/// The file with another line for the user, if it has one. All else stays as it is, whatever it is.
fn edit(file: &str, name: &str, line: impl Fn(&[&str]) -> String) -> Option<String> {
    let mut edited = String::new();
    let mut found = false;
    for old in file.split_inclusive('\n') {
        let fields: Vec<&str> = old.trim_end_matches('\n').split(':').collect();
        if found || fields.len() < 2 || fields.first() != Some(&name) {
            edited.push_str(old);
            continue;
        }
        found = true;
        edited.push_str(&line(&fields));
        edited.push('\n');
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
        assert_eq!(with_shadow(SHADOW, "root", "$6$s$h", 20000), expected);
        let expected = "root:*:19000:0:99999:7:::\n# kept\nold:h:1:0:99999:7::1:\n";
        assert_eq!(with_shadow(SHADOW, "old", "h", 1), expected);
        let expected = "root:x:0:0:root:/root:/bin/sh\nbroken\nold:h:12:34::/home/old:/bin/sh\n";
        assert_eq!(with_passwd(PASSWD, "old", "h").unwrap(), expected);
        assert_eq!(with_passwd(PASSWD, "new", "h"), None);
    }

    #[test]
    fn who_has_no_line_gets_one() {
        assert_eq!(with_shadow("", "new", "h", 5), "new:h:5:0:99999:7:::\n");
        assert_eq!(with_shadow("a:b:1:::::", "new", "h", 5), "a:b:1:::::\nnew:h:5:0:99999:7:::\n");
    }
}
