//! `ssh`: the keys that may log in as a user.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nanoqga::commands::ssh::AuthorizedKeys;
use nanoqga::{Failure, List, Text};
use rustix::io::Errno;

use super::Guest;
use crate::system::accounts::{Account, find};
use crate::system::authorized_keys::{lines, write};
use crate::system::errno::failed;
use crate::system::files::read_text;

impl AuthorizedKeys for Guest {
    fn authorized_key(&mut self, user: Text<'_>, index: usize) -> Result<Option<&str>, Failure> {
        // The engine asks again for each part of a key.
        let gather = || {
            let account = account(user)?;
            let lines = lines(&account).map_err(|error| failed("failed to read the authorized keys", error))?;
            let is_key = |line: &&str| !line.is_empty() && !line.starts_with('#');
            Ok(lines.iter().map(|line| line.trim()).filter(is_key).map(String::from).collect())
        };
        Ok(self.lists.keys.element(index, gather)?.map(String::as_str))
    }

    fn add_authorized_keys(&mut self, user: Text<'_>, keys: List<'_, Text<'_>>, reset: bool) -> Result<(), Failure> {
        let account = account(user)?;
        let mut lines = match lines(&account) {
            _ if reset => Vec::new(),
            Err(Errno::NOENT) => Vec::new(),
            outcome => outcome.map_err(|error| failed("failed to read the authorized keys", error))?,
        };
        for key in keys.iter() {
            if !lines.iter().any(|line| key == *line.as_str()) {
                lines.push(key.to_string());
            }
        }
        write(&account, &lines)
    }

    fn remove_authorized_keys(&mut self, user: Text<'_>, keys: List<'_, Text<'_>>) -> Result<(), Failure> {
        let account = account(user)?;
        let mut lines = lines(&account).map_err(|error| failed("failed to read the authorized keys", error))?;
        lines.retain(|line| !keys.iter().any(|key| key == *line.as_str()));
        write(&account, &lines)
    }
}

fn account(user: Text<'_>) -> Result<Account, Failure> {
    let passwd = read_text("/etc/passwd").map_err(|error| failed("failed to read /etc/passwd", error))?;
    find(&passwd, &user.to_string()).ok_or(Failure("failed to lookup user"))
}
