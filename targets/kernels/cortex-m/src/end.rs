//! The end by a panic.

use core::panic::PanicInfo;

use cortex_m_semihosting::debug;

use crate::board::exit;

/// Ends QEMU with the exit code 1.
#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    #[cfg(feature = "testing")]
    crate::tests::finish(_info);
    exit(debug::EXIT_FAILURE)
}
