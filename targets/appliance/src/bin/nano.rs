//! The profile `nano`: a guest that is nothing but its agent.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use appliance::channel::{Channel, Pump};
    use appliance::channels::{Channels, MAX_CHANNELS, PORT_NAME};
    use appliance::guest::Guest;
    use appliance::nano::{TABLES, end};
    use appliance::words::Words;
    use machine::{Handover, Machine, console};
    use nanoqga::{Buffers, CommandSet};
    use static_cell::ConstStaticCell;

    static COMMANDS: CommandSet<Guest> = CommandSet::new(TABLES);

    /// The memory of each channel. A virtio console takes 4,096 bytes at once.
    static BUFFERS: ConstStaticCell<[(Buffers, Pump<4096>); MAX_CHANNELS]> =
        ConstStaticCell::new([const { (Buffers::new(), Pump::new()) }; MAX_CHANNELS]);

    machine::entry_point!(main, end);

    fn main(handover: Handover) -> ! {
        let mut words = Words::default();
        let machine = Machine::start(handover, |word| words.take(word));
        let mut guest = Guest { machine, host_name: words.host_name, state: () };
        // This is called once, so they are there.
        let Some(buffers) = BUFFERS.try_take() else { machine::halt() };
        let mut buffers = buffers.iter_mut();
        #[cfg(feature = "panicking")]
        #[expect(clippy::unwrap_used, reason = "a machine may be without a clock: the proof must fail")]
        guest.machine.clock().wall_ns().unwrap();
        let new = |io| {
            let (buffers, pump) = buffers.next()?;
            Some(Channel::new(io, &COMMANDS, buffers.memory(), pump))
        };
        let mut channels = Channels::none();
        channels.find(&guest.machine, words.agent, PORT_NAME, new);
        // Printing the log takes longer than a first reply, and meanwhile QEMU does not send one.
        loop {
            if channels.serve(&mut guest) {
                continue;
            }
            if channels.have_sent() {
                break;
            }
            guest.machine.sleep();
        }
        console::begin(guest.machine.options());
        loop {
            if !channels.serve(&mut guest) {
                guest.machine.sleep();
            }
        }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("nano runs without an operating system: build it for a bare target");
}
