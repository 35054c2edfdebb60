//! The profile `nano-xen`: nano as a domain of Xen, without devices.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
mod image {
    use appliance::channels::PORT_NAME;
    use appliance::guest::Guest;
    use appliance::nano::{TABLES, end};
    use appliance::words::Words;
    use machine::xen::{Console, Domain, Wish};
    use machine::{Handover, Machine, console, log};
    use nanoqga::commands::power::{Power, Shutdown};
    use nanoqga::serve::{Line, Pump};
    use nanoqga::{Agent, Buffers, CommandSet};
    use static_cell::ConstStaticCell;

    static COMMANDS: CommandSet<Guest> = CommandSet::new(TABLES);

    /// The memory of the channel. Xen's ring takes 2,048 bytes at once.
    static BUFFERS: ConstStaticCell<(Buffers, Pump<1024, 2048>)> = ConstStaticCell::new((Buffers::new(), Pump::new()));

    machine::entry_point!(main, end);

    fn main(handover: Handover) -> ! {
        let mut words = Words::default();
        let machine = Machine::start(handover, |word| words.take(word));
        let mut guest = Guest { machine, host_name: words.host_name, state: () };
        // This is called once, so they are there.
        let Some((buffers, pump)) = BUFFERS.try_take() else { machine::halt() };
        #[cfg(feature = "panicking")]
        #[expect(clippy::unwrap_used, reason = "a machine may be without a clock: the proof must fail")]
        guest.machine.clock().wall_ns().unwrap();
        let Some(domain) = Domain::find() else {
            log!("this is no domain of Xen: boot the profile nano here");
            console::begin(guest.machine.options());
            machine::halt()
        };
        domain.open_store();
        let mut channel = Console::find(domain, PORT_NAME).map(Line);
        if channel.is_none() {
            log!("no channel for the agent");
        }
        let mut agent = Agent::new(&COMMANDS, buffers.memory());
        let mut serve = |guest: &mut Guest| {
            let channel = channel.as_mut();
            channel.is_some_and(|channel| {
                let Ok(more) = pump.poll(&mut agent, guest, channel);
                more
            })
        };
        console::begin(guest.machine.options());
        loop {
            if serve(&mut guest) {
                continue;
            }
            match domain.take_wish() {
                None => domain.sleep(),
                // It comes back only if Xen refuses.
                Some(Wish::PowerOff) => _ = guest.shutdown(Shutdown::PowerDown),
                Some(Wish::Reboot) => _ = guest.shutdown(Shutdown::Reboot),
            }
        }
    }
}

/// Xen is for x86_64 here.
#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
mod image {
    machine::entry_point!(main);

    fn main(_: machine::Handover) -> ! {
        machine::halt()
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("nano-xen runs without an operating system: build it for a bare target");
}
