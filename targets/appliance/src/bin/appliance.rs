//! The profile `appliance`: a guest with state behind its answers.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::panic::PanicInfo;

    use ::network::Settings;
    use appliance::channel::{Channel, Io};
    use appliance::channels::Channels;
    use appliance::families::network::CONFIGURE;
    use appliance::guest::Guest;
    use appliance::state::Appliance;
    use appliance::words::Words;
    use machine::last_words::die;
    use machine::{Machine, heap, log};
    use nanoqga::commands::{
        cpu, disk, exec, file, filesystem, fsfreeze, info, memory, network, os, power, suspend, sync, time, user,
    };
    use nanoqga::{Command, CommandSet};

    /// The longest request in bytes. Hosts send files in lines of up to 88 KiB.
    const RECEIVE: usize = 128 << 10;

    static COMMANDS: CommandSet<Guest<Appliance>> = CommandSet::new(TABLES);
    static TABLES: &[&[Command<Guest<Appliance>>]] = &[
        sync::commands(),
        info::commands(),
        os::commands(),
        time::commands(),
        power::commands(),
        suspend::commands(),
        cpu::commands(),
        memory::commands(),
        file::commands(),
        filesystem::commands(),
        fsfreeze::commands(),
        disk::commands(),
        network::commands(),
        CONFIGURE,
        user::commands(),
        exec::commands(),
    ];

    /// A channel on `io`, in memory of its own, as its agent is too large for the stack. `None` if there is not as much left.
    fn channel(io: Io) -> Option<&'static mut Channel<Appliance, RECEIVE>> {
        let room = heap::room_for();
        if room.is_none() {
            log!("no memory for a channel");
        }
        Some(Channel::new_in(room?, io, &COMMANDS))
    }

    /// Entered by the boot code, with the address of the loader's start information.
    #[unsafe(no_mangle)]
    extern "C" fn kernel_main(start_info: u64) -> ! {
        let (mut words, mut networks) = (Words::default(), Settings::default());
        let machine = Machine::start(start_info, |word| words.take(word) || networks.take(word));
        let mut channels = Channels::find(&machine, words.agent, channel);
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
