//! The guest, and the commands that every profile answers.

use machine::{ARCHITECTURE, Machine, console, halt, log};
use nanoqga::Failure;
use nanoqga::commands::{info, os, power, time};

use crate::words::Name;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The state behind a profile's own answers.
pub trait State: Sized {
    /// Saves what must not be lost when the machine is switched off, halted or reset next.
    fn before_shutdown(&mut self);

    /// Finds out what the guest is called, if that takes so long that it was not done before.
    fn before_name(_: &mut Guest<Self>) {}

    /// Whether the agent's commands must change before the next request.
    fn has_news(&self) -> bool {
        false
    }

    /// Notes that a channel had something to do.
    fn served(&mut self) {}
}

/// The profile `nano` has none.
impl State for () {
    fn before_shutdown(&mut self) {}
}

/// The guest: its machine, its name, and its profile's state.
#[derive(Debug)]
pub struct Guest<S = ()> {
    /// The machine it runs on.
    pub machine: Machine,
    /// Its host name, if it was given one.
    pub host_name: Option<Name>,
    /// The state behind the profile's own answers.
    pub state: S,
}

impl<S> info::Identity for Guest<S> {
    fn version(&self) -> &str {
        VERSION
    }
}

impl<S> os::Os for Guest<S> {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        os::OsInfo {
            kernel_release: Some(VERSION),
            machine: Some(ARCHITECTURE),
            id: Some("nanoqga"),
            name: Some("nanoqga"),
            pretty_name: Some(concat!("nanoqga ", env!("CARGO_PKG_VERSION"))),
            version: Some(VERSION),
            version_id: Some(VERSION),
            ..os::OsInfo::default()
        }
    }
}

impl<S> os::LocalTime for Guest<S> {}

impl<S: State> os::HostName for Guest<S> {
    fn host_name(&mut self) -> Result<&str, Failure> {
        S::before_name(self);
        Ok(self.host_name.as_deref().unwrap_or("nanoqga"))
    }
}

impl<S> time::Clock for Guest<S> {
    fn time(&mut self) -> Result<i64, Failure> {
        self.machine.clock().wall_ns().ok_or(Failure("this machine has no clock"))
    }
}

impl<S> time::SetClock for Guest<S> {
    fn set_time(&mut self, time: i64) -> Result<(), Failure> {
        self.machine.clock().set_wall(time).map_err(|error| Failure(error.reason()))
    }

    fn set_time_from_machine(&mut self) -> Result<(), Failure> {
        self.machine.clock().set_wall_from_rtc().map_err(|error| Failure(error.reason()))
    }
}

impl<S: State> power::Power for Guest<S> {
    fn shutdown(&mut self, how: power::Shutdown) -> Result<(), Failure> {
        // The request may be the first one, before anything was printed.
        console::begin(self.machine.options());
        self.state.before_shutdown();
        match how {
            power::Shutdown::Halt => {
                log!("halted");
                halt()
            }
            power::Shutdown::PowerDown => {
                log!("powering off");
                self.machine.power_off().map_err(|error| Failure(error.reason()))
            }
            power::Shutdown::Reboot => {
                log!("rebooting");
                self.machine.reboot()
            }
        }
    }
}
