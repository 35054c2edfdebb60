//! For `guest-get-users` and `guest-set-user-password`.

use core::ffi::{c_char, c_void};
use core::ptr;

use crate::flag::Flag;

/// A user who is logged in.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// The user's name.
    pub user: *const c_char,
    /// The time of login, in seconds since 1970-01-01T00:00:00Z.
    pub login_time: u32,
}

impl Default for User {
    fn default() -> Self {
        Self { user: ptr::null(), login_time: 0 }
    }
}

/// The callbacks of the user family.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct UserCallbacks {
    /// For guest-get-users. A kernel without users should return false: KubeVirt asks for the list.
    pub user: Option<unsafe extern "C" fn(context: *mut c_void, index: usize, user: *mut User) -> Flag>,
    /// For guest-set-user-password: gives `user` a new password of `length` bytes. It has no line break, and no NUL follows it. With
    /// `crypted` it is in the form of the guest's password file.
    pub set_password: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            user: *const c_char,
            password: *const u8,
            length: usize,
            crypted: Flag,
        ) -> *const c_char,
    >,
}
