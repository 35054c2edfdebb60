//! Where a kernel begins.

/// What the loader hands over: the way to what it tells of the machine. A kernel gets one, for
/// [`Machine::start`](crate::Machine::start).
#[derive(Debug)]
pub struct Handover(u64);

impl Handover {
    /// The handover of a loader whose information is at an address.
    ///
    /// # Safety
    /// The address must be the argument of `kernel_main`, which the boot code calls once, and there may be no other handover.
    pub const unsafe fn new(start_info: u64) -> Self {
        Self(start_info)
    }

    pub(crate) const fn start_info(&self) -> u64 {
        self.0
    }
}

/// Has a kernel begin with a function `fn(Handover) -> !`, and print its panics and end by [`die`](crate::last_words::die), or by a
/// function of its own, `fn(&PanicInfo<'_>) -> !`, that is named second.
#[macro_export]
macro_rules! entry_point {
    ($main:path) => {
        $crate::entry_point!($main, $crate::last_words::die);
    };
    ($main:path, $panic:path) => {
        /// Called by the boot code, with the address of the loader's information.
        #[unsafe(no_mangle)]
        extern "C" fn kernel_main(start_info: u64) -> ! {
            let main: fn($crate::Handover) -> ! = $main;
            // SAFETY: The boot code calls this, and nothing else does.
            main(unsafe { $crate::Handover::new(start_info) })
        }

        #[panic_handler]
        fn panic(info: &::core::panic::PanicInfo<'_>) -> ! {
            $panic(info)
        }
    };
}
