//! The nanoqga appliance: a guest with state behind its answers.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::panic::PanicInfo;

    use machine::appliance::{self, Appliance};
    use machine::arch::Machine;
    use machine::channels::Channels;
    use machine::guest::Guest;
    use machine::last_words::die;

    /// Entered by the boot code, with the address of the loader's start information.
    #[unsafe(no_mangle)]
    extern "C" fn kernel_main(start_info: u64) -> ! {
        let machine = Machine::start(start_info);
        let mut channels = Channels::find(&machine, appliance::channel);
        let state = Appliance::find(&machine);
        let mut guest = Guest { machine, state };
        loop {
            let busy = channels.serve(&mut guest);
            // Suspended only when all that was asked before is answered.
            if !(guest.poll() || busy || guest.suspend_if_asked(&mut channels)) {
                guest.sleep();
            }
        }
    }

    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        die(info)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("the appliance runs without an operating system: build it for a bare target");
}
