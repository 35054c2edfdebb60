//! The kernel.
#![no_std]
#![no_main]

use machine::{Handover, Machine, console, halt, log};
use nanoqga::commands::{info, os, power, sync};
use nanoqga::{CommandSet, Failure};
use new_kernel::agent;

/// What a host can ask of it.
#[derive(Default)]
struct Kernel {
    goes_down: bool,
}

impl info::Identity for Kernel {
    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }
}

impl os::Os for Kernel {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        os::OsInfo { id: Some("new"), name: Some("New Kernel"), ..os::OsInfo::default() }
    }
}

impl power::Power for Kernel {
    fn shutdown(&mut self, how: power::Shutdown) -> Result<(), Failure> {
        self.goes_down = how == power::Shutdown::PowerDown;
        if self.goes_down { Ok(()) } else { Err(Failure("this kernel can only be switched off")) }
    }
}

static COMMANDS: CommandSet<Kernel> =
    CommandSet::new(&[sync::commands(), info::commands(), os::commands(), power::commands()]);

machine::entry_point!(main);

fn main(handover: Handover) -> ! {
    let mut machine = Machine::start(handover, |_| false);
    console::begin(machine.options());
    log!("the new kernel is up");
    if let Some(mut port) = agent::find(&machine) {
        agent::serve(&mut machine, &mut port, &COMMANDS, &mut Kernel::default(), |kernel| kernel.goes_down);
    }
    let _ = machine.power_off();
    halt()
}
