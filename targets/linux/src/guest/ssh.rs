//! `ssh`: the keys that may log in as a user.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nanoqga::commands::ssh::AuthorizedKeys;
use nanoqga::{Cause, Failure, List, Text};
use rustix::io::Errno;

use super::Guest;
use crate::log::audit;
use crate::system::accounts::{Account, find, find_elsewhere};
use crate::system::authorized_keys::{failed_to, failed_to_make, lines, make_directory, write};
use crate::system::errno::{failed, failed_by};
use crate::system::files::read_text;

const READ: &str = "failed to read ";
const WRITE: &str = "failed to write to ";

impl AuthorizedKeys for Guest {
    fn authorized_key(&mut self, user: Text<'_>, index: usize, cause: &mut Cause) -> Result<Option<&str>, Failure> {
        // The engine asks again for each part of a key.
        let gather = || {
            let account = account(user, cause)?;
            let lines = lines(&account).map_err(|error| failed_to(READ, &account, error, cause))?;
            let is_key = |line: &&str| !line.is_empty() && !line.starts_with('#');
            Ok(lines.iter().map(|line| line.trim()).filter(is_key).map(String::from).collect())
        };
        Ok(self.lists.keys.element(index, gather)?.map(String::as_str))
    }

    fn add_authorized_keys(
        &mut self,
        user: Text<'_>,
        keys: List<'_, Text<'_>>,
        reset: bool,
        cause: &mut Cause,
    ) -> Result<(), Failure> {
        audit("guest-ssh-add-authorized-keys", &user);
        let account = account(user, cause)?;
        let mut lines = match lines(&account) {
            _ if reset => Vec::new(),
            Err(Errno::NOENT) => Vec::new(),
            outcome => outcome.map_err(|error| failed_to(READ, &account, error, cause))?,
        };
        for key in keys.iter() {
            if !lines.iter().any(|line| key == *line.as_str()) {
                lines.push(key.to_string());
            }
        }
        save(&account, &lines, cause)
    }

    fn remove_authorized_keys(
        &mut self,
        user: Text<'_>,
        keys: List<'_, Text<'_>>,
        cause: &mut Cause,
    ) -> Result<(), Failure> {
        audit("guest-ssh-remove-authorized-keys", &user);
        let account = account(user, cause)?;
        let mut lines = match lines(&account) {
            // There is nothing to remove.
            Err(Errno::NOENT) => return Ok(()),
            outcome => outcome.map_err(|error| failed_to(READ, &account, error, cause))?,
        };
        lines.retain(|line| !keys.iter().any(|key| key == *line.as_str()));
        save(&account, &lines, cause)
    }
}

fn save(account: &Account, lines: &[String], cause: &mut Cause) -> Result<(), Failure> {
    let directory = make_directory(account).map_err(|error| failed_to_make(account, error, cause))?;
    write(&directory, account, lines).map_err(|error| failed_to(WRITE, account, error, cause))
}

fn account(user: Text<'_>, cause: &mut Cause) -> Result<Account, Failure> {
    let passwd = read_text("/etc/passwd").map_err(|error| failed("failed to read /etc/passwd", error))?;
    let name = user.to_string();
    let account = find(&passwd, &name).or_else(|| find_elsewhere(&name));
    account.ok_or_else(|| failed_by("failed to lookup user ", format_args!("'{user}': there is no such user"), cause))
}
