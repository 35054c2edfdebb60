//! The part of an error's text that is only known when the error happens.

use core::fmt;

/// The longest cause, in bytes.
pub const MAX_CAUSE: usize = 120;

/// What a guest writes when it fails at something that has a name: a mount point, a status, a user. The error's text is that of
/// its [`Failure`](crate::Failure) with the cause behind it.
///
/// ```
/// use core::fmt::Write;
/// use nanoqga::{Cause, Failure};
///
/// fn mount(path: &str, cause: &mut Cause) -> Result<(), Failure> {
///     // The client is told "failed to mount /data: no such disk".
///     let _ = write!(cause, "{path}: no such disk");
///     Err(Failure("failed to mount "))
/// }
/// # let mut cause = Cause::new();
/// # assert!(mount("/data", &mut cause).is_err());
/// # assert_eq!(cause.as_str(), "/data: no such disk");
/// ```
#[derive(Clone, Debug)]
pub struct Cause {
    length: u8,
    is_cut: bool,
    bytes: [u8; MAX_CAUSE],
}

impl Cause {
    /// No cause.
    #[must_use]
    pub const fn new() -> Self {
        Self { length: 0, is_cut: false, bytes: [0; MAX_CAUSE] }
    }

    /// What was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Forgets what was written.
    pub const fn clear(&mut self) {
        (self.length, self.is_cut) = (0, false);
    }
}

impl Default for Cause {
    fn default() -> Self {
        Self::new()
    }
}

/// Never fails: what goes beyond [`MAX_CAUSE`] is cut at a character, and nothing is added behind a cut.
impl fmt::Write for Cause {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let used = usize::from(self.length);
        let mut end = text.len().min(MAX_CAUSE.saturating_sub(used));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let kept = text.as_bytes().get(..end).unwrap_or_default();
        match crate::json::copy(kept, &mut self.bytes, used) {
            Some(length) if !self.is_cut => self.length = length as u8,
            _ => {}
        }
        self.is_cut |= end < text.len();
        Ok(())
    }
}
