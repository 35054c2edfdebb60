//! What a board must offer, with the type of each item, which the compiler checks. Docs are with each item.
//!
//! Nobody imports this file, so the boards may be built on everything that it names.

use virtio_drivers::transport::DeviceType;

use crate::arch::must_be;
use crate::board::{
    EXITS, HostFiles, LogPort, Machine, PowerButton, PowerError, Rtc, SerialPort, Suspend, Timer, log_port,
    monotonic_ns, nap,
};
use crate::clock::Clock;
use crate::command_line::Options;
use crate::entry::Handover;
use crate::fw_cfg::FwCfg;
use crate::memory::Ram;
use crate::processors::Processors;
use crate::serial_place::SerialPlace;
use crate::transport::Device;

/// Says whether a word of the command line means something to the kernel.
type OwnWord = fn(&str) -> bool;

must_be! {
    // The machine as a whole: taken over from the loader, with its memory given to the heap and its interrupts set up.
    Machine::start: fn(Handover, OwnWord) -> Machine;
    Machine::options: fn(&Machine) -> &Options;
    Machine::clock: fn(&mut Machine) -> &mut Clock;
    Machine::devices: fn(&Machine, DeviceType, &mut dyn FnMut(Device));
    Machine::log_unused: fn(&Machine, &[DeviceType]);
    Machine::processors: fn(&Machine) -> Processors;
    Machine::ram: fn(&Machine) -> &[Ram];
    Machine::left_by_firmware: fn(&Machine, u64, usize) -> Option<&[u8]>;
    Machine::can_sleep: fn(&Machine) -> bool;
    Machine::sleep: fn(&Machine);
    Machine::power_off: fn(&mut Machine) -> Result<(), PowerError>;
    Machine::reboot: fn(&mut Machine) -> !;
    PowerError::reason: fn(PowerError) -> &'static str;
    // The ways out for a guest that cannot go on, the best one first.
    EXITS: [fn(); EXITS.len()];

    // Time: a clock that never goes back, the hypervisor's, the one that a battery keeps, and what ends a sleep.
    monotonic_ns: fn() -> Option<u64>;
    Rtc::find: fn() -> Option<Rtc>;
    Rtc::seconds: fn(Rtc) -> Option<i64>;
    Rtc::set: fn(Rtc, i64) -> Option<()>;
    Timer::find: fn(&Machine) -> Option<Timer>;
    Timer::sleep_for: fn(&Timer, u64, fn());
    Timer::doze: fn(&Timer, fn());
    nap: fn(u64, bool);

    // Serial ports, each handed out once. The log has one of its own, which may be of another kind.
    Machine::serial_port: fn(&Machine, SerialPlace) -> Option<SerialPort>;
    Machine::serial_port_on_pci: fn(&Machine) -> Option<SerialPort>;
    log_port: fn() -> Option<LogPort>;
    LogPort::send: fn(&mut LogPort, &[u8]) -> usize;

    // What a board may be without: it is not found then.
    HostFiles::find: fn(&Machine) -> Option<FwCfg<HostFiles>>;
    PowerButton::find: fn(&Machine) -> Option<PowerButton>;
    PowerButton::take_press: fn(&PowerButton) -> bool;
    Suspend::find: fn(&Machine) -> Option<Suspend>;
    Suspend::sleep: fn(&Suspend, &Machine, Option<&Timer>, Option<&PowerButton>);
}
