//! The nanoqga image: a guest that is nothing but its agent.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::panic::PanicInfo;

    use machine::arch::Machine;
    use machine::channel::Channel;
    use machine::channels::Channels;
    use machine::guest::{COMMANDS, Guest};
    use machine::last_words::die;

    /// Entered by the boot code, with the address of the loader's start information.
    #[unsafe(no_mangle)]
    extern "C" fn kernel_main(start_info: u64) -> ! {
        let mut guest = Guest { machine: Machine::start(start_info), state: () };
        let mut channels = Channels::find(&guest.machine, |io| Some(Channel::<(), 4096>::new(io, &COMMANDS)));
        loop {
            if !channels.serve(&mut guest) {
                guest.machine.sleep();
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
    eprintln!("nanoqga runs without an operating system: build it for a bare target");
}
