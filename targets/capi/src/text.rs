//! Texts from C and for C.

use core::ffi::c_char;
use core::fmt::Write;
use core::slice;

use nanoqga::{Cause, Failure, Text};

/// The most bytes that are read of a text. No reply has room for a longer one.
const LONGEST: usize = 1024;

/// The longest text of a request that a callback is given, in bytes.
pub(crate) const LONGEST_ARGUMENT: usize = 511;

/// A text from C. It ends at its NUL, after 1024 bytes, or before the first byte that is not UTF-8. NULL is none.
///
/// # Safety
/// `text` is NULL, or may be read up to a NUL, for as long as `'t`.
pub(crate) unsafe fn from_c<'t>(text: *const c_char) -> Option<&'t str> {
    if text.is_null() {
        return None;
    }
    let text = text.cast::<u8>();
    let mut length = 0;
    // SAFETY: All bytes before this one were other than NUL, so this one may be read.
    while length < LONGEST && unsafe { text.add(length).read() } != 0 {
        length += 1;
    }
    // SAFETY: So many bytes were just read, and nobody changes them while the text is used.
    let bytes = unsafe { slice::from_raw_parts(text, length) };
    str::from_utf8(bytes).or_else(|error| str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default())).ok()
}

/// What a callback returns: NULL, or the text of an error.
///
/// # Safety
/// `error` is as for [`from_c`], until `nanoqga_transmit` returns: by then the engine has copied the failure's text.
pub(crate) unsafe fn outcome(error: *const c_char) -> Result<(), Failure> {
    // SAFETY: The caller's promise.
    unsafe { from_c(error) }.map_or(Ok(()), |text| Err(Failure(text)))
}

/// The same, with the text of the error in `cause`.
///
/// # Safety
/// `error` is as for [`from_c`], until this returns.
pub(crate) unsafe fn outcome_with(error: *const c_char, cause: &mut Cause) -> Result<(), Failure> {
    // SAFETY: The caller's promise.
    let Some(text) = (unsafe { from_c(error) }) else { return Ok(()) };
    // It never fails.
    let _ = cause.write_str(text);
    Err(Failure(""))
}

/// Calls `work` with a text of the request as C has it.
pub(crate) fn with_c<T>(text: Text<'_>, work: impl FnOnce(*const c_char) -> Result<T, Failure>) -> Result<T, Failure> {
    // The last byte stays its NUL.
    let mut buffer = [0; LONGEST_ARGUMENT + 1];
    let room = buffer.get_mut(..LONGEST_ARGUMENT).unwrap_or_default();
    let copied = text.copy_to(room).ok_or(Failure("Name too long"))?;
    if copied.contains('\0') {
        return Err(Failure("Invalid argument"));
    }
    work(buffer.as_ptr().cast())
}
