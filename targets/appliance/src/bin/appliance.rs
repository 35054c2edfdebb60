//! The profile `appliance`: a guest with state behind its answers.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use ::network::Settings;
    use appliance::channel::{Channel, Io};
    use appliance::channels::Channels;
    use appliance::families::log::LOG;
    use appliance::families::network::CONFIGURE;
    use appliance::guest::Guest;
    use appliance::state::Appliance;
    use appliance::words::Words;
    use machine::{Handover, Machine, heap, log};
    use nanoqga::commands::{
        cpu, disk, exec, file, filesystem, fsfreeze, info, memory, network, os, power, suspend, sync, time, user,
    };
    use nanoqga::{Command, CommandSet, Memory};

    /// The longest request in bytes. Hosts send files in lines of up to 88 KiB.
    const REQUEST: usize = 128 << 10;
    /// The longest piece of a reply in bytes.
    const REPLY: usize = 1024;

    static COMMANDS: CommandSet<Guest<Appliance>> = CommandSet::new(TABLES);
    static TABLES: &[&[Command<Guest<Appliance>>]] = &[
        sync::commands(),
        info::commands(),
        os::commands(),
        os::name_commands(),
        os::timezone_commands(),
        time::commands(),
        time::set_commands(),
        power::commands(),
        suspend::ram_commands(),
        suspend::disk_commands(),
        cpu::commands(),
        cpu::set_commands(),
        cpu::statistics_commands(),
        cpu::load_commands(),
        memory::commands(),
        memory::set_commands(),
        file::commands(),
        filesystem::commands(),
        filesystem::trim_commands(),
        fsfreeze::commands(),
        disk::commands(),
        disk::statistics_commands(),
        network::commands(),
        network::route_commands(),
        CONFIGURE,
        LOG,
        user::commands(),
        user::password_commands(),
        exec::commands(),
    ];

    /// A channel on `io`, with memory of its own. `None` if too little is left.
    fn channel(io: Io) -> Option<Channel<Appliance>> {
        let (Some(request), Some(reply)) = (heap::bytes(REQUEST), heap::bytes(REPLY)) else {
            log!("no memory for a channel");
            return None;
        };
        Some(Channel::new(io, &COMMANDS, Memory { request, reply }))
    }

    machine::entry_point!(main);

    fn main(handover: Handover) -> ! {
        let (mut words, mut networks) = (Words::default(), Settings::default());
        let machine = Machine::start(handover, |word| words.take(word) || networks.take(word));
        let mut channels = Channels::find(&machine, words.agent, channel);
        let state = Appliance::find(&machine, networks);
        let mut guest = Guest { machine, host_name: words.host_name, state };
        loop {
            let busy = channels.serve(&mut guest);
            // It suspends only when all earlier requests are answered.
            if !(guest.poll() || busy || guest.suspend_if_asked(&mut channels)) {
                guest.sleep();
            }
        }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("the appliance runs without an operating system: build it for a bare target");
}
