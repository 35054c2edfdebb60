//! `guest-get-users` and `guest-set-user-password`.

use nanoqga::commands::user;
use nanoqga::{Cause, Failure, Text};

use super::{add, element};
use crate::agent::Nanoqga;
use crate::callbacks::user::{User, UserCallbacks};
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{from_c, outcome_with, with_c};

/// Adds the user family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_user(agent: *mut Nanoqga, callbacks: *const UserCallbacks) -> Status {
    let is_there = |callbacks: &UserCallbacks| [callbacks.user.is_some(), callbacks.set_password.is_some()];
    // SAFETY: The caller's promise.
    unsafe {
        add(
            agent,
            Family::User,
            callbacks,
            const { &[user::commands(), user::password_commands()] },
            is_there,
            |guest| &mut guest.user,
        )
    }
}

impl user::Users for Guest {
    fn user(&mut self, index: usize) -> Result<Option<user::User<'_>>, Failure> {
        // SAFETY: The kernel's callback, with its context.
        let user = unsafe { element(self.user.user, self.context, index) };
        Ok(user.map(|User { user, login_time }| user::User {
            // SAFETY: The callback has left it NULL or set it to a text.
            user: unsafe { from_c(user) }.unwrap_or_default(),
            login_time: login_time.into(),
            domain: None,
        }))
    }
}

impl user::Passwords for Guest {
    fn set_password(
        &mut self,
        user: Text<'_>,
        password: &[u8],
        crypted: bool,
        cause: &mut Cause,
    ) -> Result<(), Failure> {
        let set = self.user.set_password.ok_or(NO_CALLBACK)?;
        // SAFETY: The kernel's callback, with its context, a text and as many bytes as are said; what it returns is NULL or a text.
        with_c(user, |user| unsafe {
            outcome_with(set(self.context, user, password.as_ptr(), password.len(), crypted.into()), cause)
        })
    }
}
