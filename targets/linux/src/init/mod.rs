//! The first process of a system: what a kernel and an appliance expect of it, and nothing more.

mod container;
mod descent;
mod devices;
mod host_name;
mod loopback;
mod modules;
mod payload;

use nanoqga::commands::power::Shutdown;
use rustix::event::Timespec;
use rustix::process::{WaitOptions, wait};
use rustix::system::{RebootCommand, reboot};

use crate::guest::Guest;
use crate::options::Options;

use payload::Payload;

/// The system that this process is the first of.
#[derive(Debug)]
pub struct Init {
    payload: Option<Payload>,
    in_container: bool,
}

impl Init {
    /// Makes the system fit for programs: file systems, its name, the loopback interface, modules. What fails is logged, and the rest
    /// is done all the same. A container is fit already.
    #[must_use]
    pub fn start(options: &Options) -> Self {
        let in_container = container::is_here();
        if !in_container {
            devices::mount_all();
            devices::open_console();
            host_name::set();
            // The keys that restart a machine become a SIGINT, for us to take it down in order. A kernel may not have them.
            let _ = reboot(RebootCommand::CadOff);
        }
        loopback::bring_up();
        if let Some(directory) = &options.modules {
            modules::load_all(directory);
        }
        Self { payload: Payload::new(&options.payload), in_container }
    }

    /// Runs the payload, if it is time for that; returns after which time it will be.
    pub fn run_payload(&mut self) -> Option<Timespec> {
        self.payload.as_mut()?.run()
    }

    /// Takes in which processes have ended: all that have no other parent are the first one's children.
    pub fn reap(&mut self, guest: &mut Guest) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if !guest.ended(pid, status)
                && let Some(payload) = &mut self.payload
            {
                payload.ended(pid, status);
            }
        }
    }

    /// Takes the machine or the container down. It returns if the kernel does not let us.
    pub fn go_down(&self, how: Shutdown) {
        descent::go_down(how, self.in_container);
    }
}
