//! The appliance: all that it answers, and its loop.

use machine::room::Room;
use machine::{Handover, Machine, console, heap, log};
use nanoqga::commands::{
    cpu, disk, exec, file, filesystem, fsfreeze, info, memory, network, os, power, suspend, sync, time, user,
};
use nanoqga::{Agent, Command, CommandSet, Memory};

use crate::channel::{Channel, Io, Pump};
use crate::channels::{Channels, PORT_NAME, has_consoles};
use crate::families::config::CONFIG;
use crate::families::log::LOG;
use crate::families::network::CONFIGURE;
use crate::guest::Guest;
use crate::policy;
use crate::settings::{Settings, Source};
use crate::sockets::Sockets;
use crate::state::{Appliance, host_words};

/// The longest request in bytes. Hosts send files in lines of up to 88 KiB.
const REQUEST: usize = 128 << 10;
/// The longest piece of a reply in bytes. Much of a file is read at once.
const REPLY: usize = 8 << 10;
/// How many bytes of a reply leave at once.
const OUT: usize = 16 << 10;
/// The largest file with settings that is read, in bytes.
const MAX_FILE: usize = 16 << 10;

/// Some commands of an appliance.
pub type Table = &'static [Command<Guest<Appliance>>];

/// How many tables there are.
const COUNT: usize = 29;

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
    CONFIG,
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

/// Starts the machine, and answers the commands of `tables` on every channel that it has, as far as its host allows them.
pub fn serve(handover: Handover, tables: &'static [Table]) -> ! {
    let mut settings = Settings::new();
    let machine = Machine::start(handover, |word| settings.take(Source::CommandLine, word).is_ok());
    let room = heap::bytes(MAX_FILE).unwrap_or_default();
    host_words::read(&machine, room, &mut settings);
    let Some(mut commands) = policy::commands(tables, &settings) else { machine::halt() };
    let port = settings.values("port").last().unwrap_or(PORT_NAME);
    let agent = settings.words.agent;
    let sockets = settings.words.vsock.and_then(|port| {
        Sockets::find(&machine, port, || memory().map(|(memory, pump)| (Agent::new(commands, memory), pump)))
    });
    let mut channels = Channels::none();
    channels.add_sockets(sockets);
    channels.find(&machine, agent, port, &mut |io| channel(io, commands));
    // A host that has another channel by its settings has no console later, either.
    let later = has_consoles(agent);
    let Some(mut guest) = guest(machine, settings, room) else { machine::halt() };
    loop {
        let woken = guest.take_woken();
        guest.state.has_served = false;
        let busy = channels.serve(&mut guest);
        // Drives may bring more lists of commands.
        if core::mem::take(&mut guest.state.has_news) {
            match policy::commands(tables, &guest.state.settings) {
                Some(all) => {
                    all.set_frozen(commands.is_frozen());
                    commands = all;
                    channels.set_commands(commands);
                }
                None => log!("no memory for the lists of commands"),
            }
        }
        // Not before: printing the log takes longer than a first reply.
        if !busy {
            console::begin(guest.machine.options());
        }
        // It suspends only when all earlier requests are answered.
        if guest.poll() || busy || guest.suspend_if_asked(&mut channels) {
            continue;
        }
        // Only what came or shall leave can have ended a sleep after which nothing else was to do. If a request came, too, the interrupt
        // ends the next sleep at once.
        let may_have_changed = core::mem::take(&mut guest.state.must_look) || woken && !guest.state.has_served;
        let changed = may_have_changed
            && guest.replug(&mut channels, |channels, device| match later {
                true => channels.add_console(device, port, &mut |io| channel(io, commands)),
                false => log!("not used: the settings have another channel"),
            });
        if !changed {
            guest.sleep();
        }
    }
}

/// The guest, which would take much of the stack for as long as it runs. `None` if too little memory is left.
// Kept whole: what it is built of is on the stack only meanwhile.
#[inline(never)]
fn guest(machine: Machine, settings: Settings, room: &'static mut [u8]) -> Option<Room<Guest<Appliance>>> {
    let host_name = settings.words.host_name.clone();
    let state = Appliance::find(&machine, settings, room);
    Room::new(Guest { machine, host_name, state })
}

/// A channel on `io`, with memory of its own. `None` if too little is left.
fn channel(io: Io, commands: &'static CommandSet<'static, Guest<Appliance>>) -> Option<Channel<Appliance, OUT>> {
    let (memory, pump) = memory()?;
    Some(Channel::new(io, commands, memory, pump))
}

/// The memory of an agent, and its pump. `None` if too little is left.
fn memory() -> Option<(Memory<'static>, &'static mut Pump<OUT>)> {
    let (Some(request), Some(reply), Some(pump)) = (heap::bytes(REQUEST), heap::bytes(REPLY), heap::room_for()) else {
        log!("no memory for a channel");
        return None;
    };
    Some((Memory { request, reply }, pump.write(Pump::new())))
}
