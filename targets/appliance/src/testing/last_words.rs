//! The end of a guest that panics in a test: its panic handler finishes the reply to the host.

use core::panic::PanicInfo;
use core::ptr::NonNull;

use embedded_io::Write;
use machine::cell::OneCpu;
use machine::last_words::die_after;
use machine::{console, monotonic_ns};
use nanoqga::commands::testing::{Ending, Running};

/// The test that runs.
static RUNNING: OneCpu<Option<Running>> = OneCpu::new(None);

/// What carries the bytes of the agent that was called last.
static CHANNEL: OneCpu<Option<NonNull<dyn Polled>>> = OneCpu::new(None);

/// A channel that a guest without interrupts can still write to.
trait Polled {
    /// Writes all bytes. Returns when the device has them, or has failed.
    fn send(&mut self, bytes: &[u8]);
}

impl<W: Write> Polled for W {
    fn send(&mut self, bytes: &[u8]) {
        // The guest ends in any case: there is nobody to tell.
        _ = self.write_all(bytes).and_then(|()| self.flush());
    }
}

/// Keeps the test that runs next.
pub(super) fn keep(running: Option<Running>) {
    if let Some(mut kept) = RUNNING.borrow() {
        *kept = running;
    }
}

/// The same channel, which is also kept for a panic: an agent answers on it now.
pub fn lend<W: Write + 'static>(channel: &mut W) -> &mut W {
    let mut lent = NonNull::from(channel);
    if let Some(mut kept) = CHANNEL.borrow() {
        *kept = Some(lent);
    }
    // SAFETY: It was just borrowed, for as long. The other pointer to it is only used when nothing else ever runs again.
    unsafe { lent.as_mut() }
}

/// Ends the guest: the panic handler.
pub fn end(info: &PanicInfo<'_>) -> ! {
    die_after(info, || finish(info))
}

/// Finishes the reply of the test that runs, if one does.
fn finish(info: &PanicInfo<'_>) {
    let running = RUNNING.borrow().and_then(|running| *running);
    let channel = CHANNEL.borrow().and_then(|channel| *channel);
    let (Some(running), Some(mut channel)) = (running, channel) else { return };
    if let Some(mark) = running.mark() {
        console::print(format_args!("nanoqga-test-end {mark}"));
    }
    // SAFETY: The guest ends, so whatever had borrowed the channel never goes on. It is where it was, because channels do not
    // move while their agent answers, and a test runs only then.
    let channel = unsafe { channel.as_mut() };
    running.finish(&Ending::from(info), monotonic_ns(), &mut |bytes| channel.send(bytes));
}
