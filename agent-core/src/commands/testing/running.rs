//! What a guest keeps while a test runs, to tell of its panic.

use core::fmt;

use super::capture::{Capture, SMALLEST};
use super::ending::Ending;
use super::words::Words;
use crate::error::Failure;
use crate::json::writer::Cursor;

/// A test that runs. It is a plain value of at most 256 bytes without borrows: the guest keeps it in a static, so that its panic
/// handler can finish the reply to the request.
#[derive(Clone, Copy)]
pub struct Running {
    test: Words<64>,
    mark: Words<64>,
    id: Words<96>,
    started_ns: Option<u64>,
}

const _: () = assert!(size_of::<Running>() <= 256, "a guest is promised that it is small");

impl Running {
    /// The test called `test`, asked for by a request with this `id`.
    ///
    /// # Errors
    /// If the id is too long to be kept.
    pub(super) fn new(test: &str, mark: &str, id: Option<&[u8]>) -> Result<Self, Failure> {
        let id = core::str::from_utf8(id.unwrap_or_default()).unwrap_or_default();
        let id = Words::all_of(id).ok_or(Failure("the id of a request for a test has at most 96 bytes"))?;
        Ok(Self { test: Words::of(&test), mark: Words::of(&mark), id, started_ns: None })
    }

    /// The test starts now.
    pub(super) const fn start(&mut self, now_ns: Option<u64>) {
        self.started_ns = now_ns;
    }

    /// How long the test has run until now, in nanoseconds, if the guest has a clock.
    pub(super) fn elapsed_ns(&self, now_ns: Option<u64>) -> Option<u64> {
        Some(now_ns?.saturating_sub(self.started_ns?))
    }

    /// The test's name: its first 64 bytes.
    #[must_use]
    pub fn test(&self) -> &str {
        self.test.as_str()
    }

    /// The host's mark. A panic handler with a console prints the line `nanoqga-test-end MARK` before it finishes the reply.
    #[must_use]
    pub fn mark(&self) -> Option<&str> {
        (!self.mark.is_empty()).then_some(self.mark.as_str())
    }

    /// Finishes the reply to the request, because the guest cannot go on: a panic handler calls it, once, with its panic. `send`
    /// must not return before the bytes are with the channel's device. `now_ns` is the guest's clock, as for
    /// [`Testing::clock_ns`](super::Testing::clock_ns).
    ///
    /// ```
    /// # use nanoqga::commands::testing::{Ending, Running};
    /// # fn write_polled(_: &[u8]) {}
    /// fn last_words(info: &core::panic::PanicInfo<'_>, running: Option<Running>) {
    ///     if let Some(running) = running {
    ///         running.finish(&Ending::from(info), None, &mut |bytes| write_polled(bytes));
    ///     }
    /// }
    /// ```
    pub fn finish(&self, ending: &Ending, now_ns: Option<u64>, send: &mut dyn FnMut(&[u8])) {
        let mut memory = [0; SMALLEST];
        let length = {
            let Ok(mut capture) = Capture::new(&mut memory) else { return };
            // What the test had written lies in memory that only the engine knows.
            capture.set_cut(true);
            capture.end_output();
            capture.add_ending(ending, self.elapsed_ns(now_ns));
            capture.finish()
        };
        send(b"{\"return\": ");
        send(memory.get(..length).unwrap_or_default());
        if !self.id.is_empty() {
            send(b", \"id\": ");
            let (mut cursor, mut piece) = (Cursor::new(), [0; 32]);
            loop {
                match cursor.copy_ascii(self.id.as_str().as_bytes(), &mut piece) {
                    0 => break,
                    filled => send(piece.get(..filled).unwrap_or_default()),
                }
            }
        }
        send(b"}\n");
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("test", &self.test).finish_non_exhaustive()
    }
}
