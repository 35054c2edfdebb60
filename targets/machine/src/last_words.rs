//! The end of a guest that cannot go on.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::arch;
use crate::board::EXITS;
use crate::console;

/// Tells why and leaves, with a failure where the machine has a way to say so.
pub fn die(info: &PanicInfo<'_>) -> ! {
    static DEPTH: AtomicU8 = AtomicU8::new(0);
    // A panic on the way out skips the step that it came from.
    let depth = usize::from(DEPTH.fetch_add(1, Ordering::Relaxed));
    if depth == 0 {
        // SAFETY: This is the end, and the first time that it comes.
        unsafe { console::last_words(format_args!("{info}")) };
    }
    for exit in EXITS.iter().skip(depth.saturating_sub(1)) {
        exit();
    }
    arch::halt()
}
