//! The end of a guest that cannot go on.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::arch;
use crate::board::EXITS;
use crate::console;
use crate::log::{Template, Value};

/// How often the guest has come to its end.
static DEPTH: AtomicU8 = AtomicU8::new(0);

/// Prints what a panic says and leaves, with a failure where the machine has a way to say so.
pub fn die(info: &PanicInfo<'_>) -> ! {
    die_after(info, || {})
}

/// The same, and does `work` before it leaves. A panic in that ends the guest at once.
pub fn die_after(info: &PanicInfo<'_>, work: impl FnOnce()) -> ! {
    let depth = DEPTH.fetch_add(1, Ordering::Relaxed);
    if depth == 0 {
        // SAFETY: This is the end, and the first time that it comes.
        unsafe { console::last_words(format_args!("{info}")) };
        work();
    }
    leave(depth)
}

/// The same without the message: prints where a panic was, and leaves. A message brings into an image what formats it.
pub fn die_at(info: &PanicInfo<'_>) -> ! {
    let depth = DEPTH.fetch_add(1, Ordering::Relaxed);
    if depth == 0
        && let Some(place) = info.location()
    {
        // SAFETY: As above.
        unsafe { console::last_words(format_args!("panicked at {place}")) };
    }
    leave(depth)
}

/// The same for an exception: prints a line of the log and leaves. It needs no `core::fmt`.
#[inline(always)]
pub(crate) fn die_of<const N: usize>(template: Template<N>, values: [Value; N]) -> ! {
    die_saying(template.text(), &values)
}

fn die_saying(template: &'static str, values: &[Value]) -> ! {
    let depth = DEPTH.fetch_add(1, Ordering::Relaxed);
    if depth == 0 {
        // SAFETY: As above.
        unsafe { console::last_line(template, values) };
    }
    leave(depth)
}

/// Tries the ways out. A panic or exception on one of them skips it.
fn leave(depth: u8) -> ! {
    for exit in EXITS.iter().skip(usize::from(depth).saturating_sub(1)) {
        exit();
    }
    arch::halt()
}
