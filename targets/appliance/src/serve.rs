//! The appliance: all that it answers, and its loop.

use machine::{Handover, Machine, heap, log};
use nanoqga::commands::{
    cpu, disk, exec, file, filesystem, fsfreeze, info, memory, network, os, power, suspend, sync, time, user,
};
use nanoqga::{Agent, Command, CommandSet, Memory};
use static_cell::ConstStaticCell;

use crate::channel::{Channel, Pump};
use crate::channels::{Channels, PORT_NAME};
use crate::families::log::LOG;
use crate::families::network::CONFIGURE;
use crate::guest::Guest;
use crate::sockets::Sockets;
use crate::state::Appliance;
use crate::words::{AgentChannel, Name, Words};

/// The longest request in bytes. Hosts send files in lines of up to 88 KiB.
const REQUEST: usize = 128 << 10;
/// The longest piece of a reply in bytes. Much of a file is read at once.
const REPLY: usize = 8 << 10;
/// How many bytes of a reply leave at once.
const OUT: usize = 16 << 10;

/// Some commands of an appliance.
pub type Table = &'static [Command<Guest<Appliance>>];

/// How many tables there are.
const COUNT: usize = 28;

/// Every command that the appliance answers.
pub const TABLES: [Table; COUNT] = [
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
    exec::commands(),
];

/// The same, and the commands of an appliance of one's own.
#[must_use]
pub const fn tables_with(own: Table) -> [Table; COUNT + 1] {
    let mut all = [own; COUNT + 1];
    let mut place = 0;
    while place < COUNT {
        all[place] = TABLES[place];
        place += 1;
    }
    all
}

/// Starts the machine, and answers `commands` on every channel that it has.
pub fn serve(handover: Handover, commands: &'static CommandSet<'static, Guest<Appliance>>) -> ! {
    let (mut words, mut networks) = (Words::default(), ::network::Settings::default());
    let machine = Machine::start(handover, |word| words.take(word) || networks.take(word));
    let port = words.port.and_then(kept).unwrap_or(PORT_NAME);
    let sockets = words.vsock.and_then(|port| {
        Sockets::find(&machine, port, || memory().map(|(memory, pump)| (Agent::new(commands, memory), pump)))
    });
    let chosen = words.agent.or(sockets.as_ref().map(|_| AgentChannel::BesideVsock));
    let mut channels = Channels::find(&machine, chosen, port, |io| {
        let (memory, pump) = memory()?;
        Some(Channel::new(io, commands, memory, pump))
    });
    channels.add_sockets(sockets);
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

/// The name for as long as the guest runs. `None` for a second one.
fn kept(name: Name) -> Option<&'static str> {
    static KEPT: ConstStaticCell<Name> = ConstStaticCell::new(Name::new());
    let place = KEPT.try_take()?;
    *place = name;
    Some(place)
}

/// The memory of an agent, and its pump. `None` if too little is left.
fn memory() -> Option<(Memory<'static>, &'static mut Pump<OUT>)> {
    let (Some(request), Some(reply), Some(pump)) = (heap::bytes(REQUEST), heap::bytes(REPLY), heap::room_for()) else {
        log!("no memory for a channel");
        return None;
    };
    Some((Memory { request, reply }, pump.write(Pump::new())))
}
