//! `guest-get-users` and `guest-set-user-password`.

use serde::Serialize;

use crate::arguments::Text;
use crate::cause::Cause;
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// A user who is logged in: QEMU's `GuestUser`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct User<'a> {
    /// The user's name.
    pub user: &'a str,
    /// Since when, in seconds since 1970-01-01T00:00:00Z. Six decimals are sent.
    #[serde(skip)]
    pub login_time: f64,
    /// The domain that the user is of (Windows).
    pub domain: Option<&'a str>,
}

/// What `guest-get-users` needs of its guest.
pub trait Users {
    /// The `index`-th user who is logged in, if there are as many.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn user(&mut self, index: usize) -> Result<Option<User<'_>>, Failure>;
}

/// What `guest-set-user-password` needs of its guest.
pub trait Passwords {
    /// Gives a user a new password: in plain bytes, or `crypted` as the guest's password file has it. There is no line
    /// break in either, nor a colon in the name.
    ///
    /// # Errors
    /// If there is no such user, or the password cannot be set.
    fn set_password(
        &mut self,
        user: Text<'_>,
        password: &[u8],
        crypted: bool,
        cause: &mut Cause,
    ) -> Result<(), Failure>;
}

/// `guest-get-users`.
#[must_use]
pub const fn commands<G: Users>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-users", users).packed()] }
}

/// `guest-set-user-password`.
#[must_use]
pub const fn password_commands<G: Passwords>() -> &'static [Command<G>] {
    const { &[Command::new("guest-set-user-password", set_password)] }
}

/// Tells who is logged in.
///
/// Returns a list: of each the `user`, `login-time` in seconds since 1970-01-01T00:00:00Z, and on Windows the `domain`.
fn users<G: Users>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = request.step();
    if step == 0 {
        request.arguments().finish()?;
    }
    let Some(user) = reply.next_element(guest.user(step))? else { return Ok(Step::Done) };
    let added = reply.attempt(|reply| {
        reply.open_with(None, &user)?;
        reply.decimal("login-time", user.login_time)?;
        reply.close();
        Ok(())
    });
    reply.end_element(added)
}

/// Gives a user a new password.
///
/// - `username`: a string
/// - `password`: in base64
/// - `crypted`: a boolean, whether it is a hash as the password file has it
///
/// Errors: no such user, a line break in either, a colon in the name, a password file that cannot be written.
fn set_password<G: Passwords>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let _: Text<'_> = arguments.required("username")?;
    let _: Text<'_> = arguments.required("password")?;
    let crypted = arguments.required("crypted")?;
    arguments.finish()?;
    request.decode_base64("password")?;
    let user: Text<'_> = request.arguments().required("username")?;
    let password = request.decoded();
    if password.contains(&b'\n') {
        return Err(Failure("forbidden characters in raw password").into());
    }
    if user.chars().any(|character| matches!(character, '\n' | ':')) {
        return Err(Failure("forbidden characters in username").into());
    }
    guest.set_password(user, password, crypted, reply.cause())?;
    Ok(Step::Done)
}
