//! The local time zone, as libc knows it.

use alloc::string::{String, ToString};
use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use core::ptr;

/// Has libc read the zone's file at its next use, which may be another one by now. musl only reads it when `TZ` is another one
/// than before.
fn forget() {
    unsafe extern "C" {
        // libc has it for other systems only. POSIX.1-2024, `tzset` and 8.1.
        fn tzset();
        static mut environ: *const *const c_char;
    }
    let utc: [*const c_char; 2] = [c"TZ=UTC0".as_ptr(), ptr::null()];
    // SAFETY: There is one thread. libc reads the environment during the call, and it is the old one again behind it.
    unsafe {
        let own = environ;
        environ = utc.as_ptr();
        tzset();
        environ = own;
        tzset();
    }
}

/// How far local time is from UTC at `now`, in seconds to the east, and what the zone is called then. libc reads `TZ` and
/// `/etc/localtime`.
pub fn local(now: i64) -> (i32, String) {
    let mut broken_down = MaybeUninit::<libc::tm>::uninit();
    forget();
    // SAFETY: the time is read and the broken-down time is written during the call.
    if unsafe { libc::localtime_r(&now, broken_down.as_mut_ptr()) }.is_null() {
        return (0, "UTC".to_string());
    }
    // SAFETY: localtime_r returned it, so it is filled.
    let broken_down = unsafe { broken_down.assume_init() };
    let offset = i32::try_from(broken_down.tm_gmtoff).unwrap_or_default();
    if broken_down.tm_zone.is_null() {
        return (offset, String::new());
    }
    // SAFETY: libc's name of a zone is a string that stays as it is until the zone is set again.
    let name = unsafe { CStr::from_ptr(broken_down.tm_zone) };
    (offset, name.to_string_lossy().into_owned())
}
