//! What a test says of itself.

use core::fmt;
use core::panic::Location;

use super::words::Words;

/// The longest message of a test that fails or is skipped, in bytes.
// With it a verdict is small enough to be returned by value, as clippy has it.
pub const MAX_MESSAGE: usize = 104;

/// What a test returns: `Ok(())` if it passes. With `?` it fails by any error that implements [`core::error::Error`].
pub type Verdict = Result<(), NotPassed>;

/// Why a test has not passed: it failed, or there was no sense in running it. Made by [`fail`], [`skip`], [`check!`](crate::check),
/// [`check_eq!`](crate::check_eq), and by `?` from an error.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct NotPassed {
    at: &'static Location<'static>,
    is_skipped: bool,
    message: Words<MAX_MESSAGE>,
}

impl NotPassed {
    /// Whether the test was skipped.
    #[must_use]
    pub const fn is_skipped(&self) -> bool {
        self.is_skipped
    }

    /// Where the test said so.
    #[must_use]
    pub const fn location(&self) -> &'static Location<'static> {
        self.at
    }
}

/// The message, with `...` behind it if it was cut.
impl fmt::Display for NotPassed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

/// A test fails by an error, at the place of the `?`.
impl<E: core::error::Error> From<E> for NotPassed {
    #[track_caller]
    fn from(error: E) -> Self {
        Self { at: Location::caller(), is_skipped: false, message: Words::of(&error) }
    }
}

/// The verdict of a test that fails, at the place of this call. A message of more than [`MAX_MESSAGE`] bytes is cut.
///
/// ```
/// use nanoqga::commands::testing::{Verdict, fail};
///
/// fn reads(byte: u8) -> Verdict {
///     match byte {
///         0 => Ok(()),
///         _ => fail(format_args!("the first byte is {byte:#x}")),
///     }
/// }
/// # assert_eq!(reads(255).unwrap_err().to_string(), "the first byte is 0xff");
/// ```
///
/// # Errors
/// Always: that the test has failed.
#[track_caller]
pub fn fail(message: impl fmt::Display) -> Verdict {
    Err(NotPassed { at: Location::caller(), is_skipped: false, message: Words::of(&message) })
}

/// The verdict of a test that cannot be run on this machine, with the reason.
///
/// # Errors
/// Always: that the test was skipped.
#[track_caller]
pub fn skip(reason: impl fmt::Display) -> Verdict {
    Err(NotPassed { at: Location::caller(), is_skipped: true, message: Words::of(&reason) })
}

/// Ends a test, or a function that returns a [`Verdict`], as failed unless a condition holds. It does not panic.
///
/// ```
/// use nanoqga::check;
/// use nanoqga::commands::testing::Verdict;
///
/// fn is_aligned(address: usize) -> Verdict {
///     check!(address != 0);
///     check!(address % 16 == 0, "{address:#x} is not aligned");
///     Ok(())
/// }
/// # assert_eq!(is_aligned(0).unwrap_err().to_string(), "address != 0 does not hold");
/// # assert_eq!(is_aligned(17).unwrap_err().to_string(), "0x11 is not aligned");
/// # assert!(is_aligned(16).is_ok());
/// ```
#[macro_export]
macro_rules! check {
    ($condition:expr $(,)?) => {
        $crate::check!($condition, "{} does not hold", ::core::stringify!($condition))
    };
    ($condition:expr, $($message:tt)+) => {
        if $condition {
        } else {
            return $crate::commands::testing::fail(::core::format_args!($($message)+));
        }
    };
}

/// The same unless two values are equal. The message has both.
///
/// ```
/// use nanoqga::check_eq;
/// use nanoqga::commands::testing::Verdict;
///
/// fn adds(left: u8, right: u8) -> Verdict {
///     check_eq!(left + right, 3);
///     Ok(())
/// }
/// # assert_eq!(adds(2, 2).unwrap_err().to_string(), "left + right is 4 and not 3");
/// # assert!(adds(1, 2).is_ok());
/// ```
#[macro_export]
macro_rules! check_eq {
    ($found:expr, $expected:expr $(,)?) => {
        match (&$found, &$expected) {
            (found, expected) => $crate::check!(
                *found == *expected,
                "{} is {:?} and not {:?}",
                ::core::stringify!($found),
                found,
                expected
            ),
        }
    };
}
