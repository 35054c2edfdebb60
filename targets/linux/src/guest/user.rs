//! `user`: who is logged in, and passwords.

use alloc::string::ToString;

use nanoqga::commands::user::{Passwords, User, Users};
use nanoqga::{Cause, Failure, Text};

use super::Guest;
use crate::log::audit;
use crate::system::password;

impl Users for Guest {
    fn user(&mut self, index: usize) -> Result<Option<User<'_>>, Failure> {
        let login = self.logins.element(index);
        Ok(login.map(|login| User { user: &login.user, login_time: login.time, domain: None }))
    }
}

impl Passwords for Guest {
    fn set_password(
        &mut self,
        user: Text<'_>,
        password: &[u8],
        crypted: bool,
        cause: &mut Cause,
    ) -> Result<(), Failure> {
        audit("guest-set-user-password", &user);
        password::set(&user.to_string(), password, crypted, cause)
    }
}
