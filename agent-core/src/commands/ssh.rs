//! `guest-ssh-get-authorized-keys`, `-add-` and `-remove-`: the keys that a user logs in with.

use crate::arguments::{List, Text};
use crate::cause::Cause;
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Kind, Reply, Step};

/// What the family needs of its guest.
pub trait AuthorizedKeys {
    /// The `index`-th key of a user, a line of `authorized_keys`, if there are as many. It is asked for again for each part
    /// of it that goes out.
    ///
    /// # Errors
    /// If there is no such user, or the keys cannot be read.
    fn authorized_key(&mut self, user: Text<'_>, index: usize, cause: &mut Cause) -> Result<Option<&str>, Failure>;

    /// Adds those of `keys` that the user does not have; with `reset` the user has no others from then on. No key begins
    /// with `#` or has a line break.
    ///
    /// # Errors
    /// If there is no such user, or the keys cannot be written.
    fn add_authorized_keys(
        &mut self,
        user: Text<'_>,
        keys: List<'_, Text<'_>>,
        reset: bool,
        cause: &mut Cause,
    ) -> Result<(), Failure>;

    /// Removes those of `keys` that the user has.
    ///
    /// # Errors
    /// If there is no such user, or the keys cannot be written.
    fn remove_authorized_keys(
        &mut self,
        user: Text<'_>,
        keys: List<'_, Text<'_>>,
        cause: &mut Cause,
    ) -> Result<(), Failure>;
}

/// The family's commands.
#[must_use]
pub const fn commands<G: AuthorizedKeys>() -> &'static [Command<G>] {
    const {
        &[
            Command::new("guest-ssh-get-authorized-keys", keys),
            Command::new("guest-ssh-add-authorized-keys", add),
            Command::new("guest-ssh-remove-authorized-keys", remove),
        ]
    }
}

/// Tells the keys that a user logs in with.
///
/// - `username`: a string
///
/// Returns `keys`, a list of lines of the user's `authorized_keys`.
///
/// Errors: no such user.
fn keys<G: AuthorizedKeys>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    // `GuestAuthorizedKeys`, a part of a key a step: a key may be longer than the stage.
    let mut arguments = request.arguments();
    let user = arguments.required("username")?;
    arguments.finish()?;
    let (index, offset) = request.place();
    let key = guest.authorized_key(user, index, reply.cause())?;
    if request.step() == 0 {
        reply.open(Kind::Object)?;
        reply.open_member("keys", Kind::Array)?;
    }
    if key.is_none() && offset == 0 {
        return Ok(Step::Done);
    }
    if offset == 0 {
        reply.open(Kind::Text)?;
    }
    // A key that is gone ends where it was.
    let rest = key.and_then(|key| key.get(offset..)).unwrap_or_default();
    let added = reply.text_part(rest, 0);
    if added > 0 && added < rest.len() {
        request.set_place(index, offset.saturating_add(added));
    } else {
        reply.close();
        request.set_place(index.saturating_add(1), 0);
    }
    Ok(Step::More)
}

/// Adds keys that a user logs in with.
///
/// - `username`: a string
/// - `keys`: a list of strings, each a line of `authorized_keys`
/// - `reset` (optional): a boolean, whether all others are removed; default false
///
/// Errors: no such user, text that is no key.
fn add<G: AuthorizedKeys>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let user = arguments.required("username")?;
    let keys = arguments.required("keys")?;
    let reset = arguments.optional("reset")?.unwrap_or(false);
    arguments.finish()?;
    check(keys)?;
    guest.add_authorized_keys(user, keys, reset, reply.cause())?;
    Ok(Step::Done)
}

/// Removes keys that a user logs in with.
///
/// - `username`: a string
/// - `keys`: a list of strings, as they stand in `authorized_keys`
///
/// Errors: no such user, text that is no key.
fn remove<G: AuthorizedKeys>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let user = arguments.required("username")?;
    let keys = arguments.required("keys")?;
    arguments.finish()?;
    check(keys)?;
    guest.remove_authorized_keys(user, keys, reply.cause())?;
    Ok(Step::Done)
}

/// A key must be a line of its own, and no comment.
fn check(keys: List<'_, Text<'_>>) -> Result<(), Error> {
    let bad = |key: &Text<'_>| key.chars().next() == Some('#') || key.chars().any(|character| character == '\n');
    match keys.iter().find(bad) {
        None => Ok(()),
        Some(key) => Err(Error::Quote("invalid OpenSSH public key: '", key.span(), "'")),
    }
}
