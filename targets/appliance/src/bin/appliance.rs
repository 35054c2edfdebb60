//! The profile `appliance`: a guest with state behind its answers.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::panic::PanicInfo;

    use appliance::channels::Channels;
    use appliance::guest::Guest;
    use appliance::state::{self, Appliance};
    use appliance::words::Words;
    use machine::Machine;
    use machine::last_words::die;
    use network::Settings;

    /// Entered by the boot code, with the address of the loader's start information.
    #[unsafe(no_mangle)]
    extern "C" fn kernel_main(start_info: u64) -> ! {
        let (mut words, mut networks) = (Words::default(), Settings::default());
        let machine = Machine::start(start_info, |word| words.take(word) || networks.take(word));
        let mut channels = Channels::find(&machine, words.agent, state::channel);
        let state = Appliance::find(&machine, networks);
        let mut guest = Guest { machine, host_name: words.host_name, state };
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
