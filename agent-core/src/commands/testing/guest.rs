//! What the family needs of its guest.

use core::fmt;

use super::ending::Ending;
use super::output::Output;
use super::running::Running;
use super::test::{Properties, Test};

/// What a guest has kept of the panic that ended the boot before: a hint for people, from memory that a reset may have left as
/// it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub struct LastWords<'a> {
    pub test: Option<&'a str>,
    pub message: Option<&'a str>,
    pub file: Option<&'a str>,
    pub line: Option<u32>,
}

/// A guest with tests.
pub trait Testing: Sized + 'static {
    /// All tests but those that are [`registered`](Self::registered), in the order in which hosts list them.
    const SUITES: &'static [&'static [Test<Self>]];

    /// Tests that were registered beside the code they test, by [`register_tests!`](crate::register_tests).
    #[must_use]
    fn registered() -> &'static [&'static Test<Self>] {
        &[]
    }

    /// A number that differs from boot to boot as far as the guest can tell boots apart, such as its clock when it booted.
    fn boot_id(&mut self) -> u64;

    /// Prints a line on the guest's console: where the output of a test begins and ends there. Nothing, if it has none.
    fn print_line(&mut self, line: fmt::Arguments<'_>);

    /// A clock in nanoseconds that never goes backwards, if the guest has one.
    fn clock_ns(&mut self) -> Option<u64> {
        None
    }

    /// What the guest knows of the panic that ended the boot before.
    fn last_words(&mut self) -> Option<LastWords<'_>> {
        None
    }

    /// Is called with the test that is run next, and with `None` after it. A guest that keeps it in a static lets its panic
    /// handler [finish](Running::finish) the reply.
    fn keep(&mut self, running: Option<Running>) {
        let _ = running;
    }

    /// Runs the `index`-th test. A kernel that survives panics, by unwinding, in a thread, or by a jump back, has
    /// [`call`](Self::call) called in that way, and returns [`Ending::panicked`] after one.
    fn run(&mut self, index: usize, output: &mut Output<'_>) -> Ending {
        self.call(index, output)
    }

    /// Calls the function of the `index`-th test. A guest whose tests are no [`Test`]s brings this and
    /// [`properties`](Self::properties) itself.
    fn call(&mut self, index: usize, output: &mut Output<'_>) -> Ending {
        // The engine asks for no other test than those that there are.
        Self::test(index).map_or(Ok(()), |test| test.call(self, output)).into()
    }

    /// What hosts are told of the `index`-th test; `None` behind the last one.
    fn properties(&self, index: usize) -> Option<Properties<'_>> {
        Self::test(index).map(|test| *test.properties())
    }

    /// The `index`-th test.
    #[must_use]
    fn test(index: usize) -> Option<&'static Test<Self>> {
        let mut rest = index;
        for suite in Self::SUITES {
            match suite.get(rest) {
                Some(test) => return Some(test),
                None => rest = rest.saturating_sub(suite.len()),
            }
        }
        Self::registered().get(rest).copied()
    }
}
