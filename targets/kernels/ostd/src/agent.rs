//! The agent: its commands, and the loop that serves its port.

use alloc::boxed::Box;

use nanoqga::commands::power::Shutdown;
use nanoqga::commands::{info, os, power, sync};
use nanoqga::serve::Pump;
use nanoqga::{Agent, Buffers, CommandSet};
use ostd::task::halt_cpu;
use virtio_serial::{Error, MAX_READ};

use crate::kernel::Kernel;
use crate::port::Port;
use crate::uptime;

/// The commands it answers. Others of the agent's commands do not exist for its host.
static COMMANDS: CommandSet<Kernel> = CommandSet::new(&[
    sync::commands(),
    info::commands(),
    os::commands(),
    os::name_commands(),
    power::commands(),
    uptime::COMMANDS,
    #[cfg(feature = "testing")]
    nanoqga::commands::testing::commands(),
]);

/// Serves the agent's port until a host tells the kernel to end. Returns how.
pub fn serve(mut port: Port) -> Result<Shutdown, Error> {
    let port = &mut port;
    #[cfg(feature = "testing")]
    let port = crate::tests::lend(port);
    let mut buffers: Box<Buffers> = Box::new(Buffers::new());
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    let (mut pump, mut kernel) = (Pump::<MAX_READ>::new(), Kernel::default());
    loop {
        if let Some(end) = kernel.end {
            return Ok(end);
        }
        if !pump.poll(&mut agent, &mut kernel, port)? {
            // OSTD's timer interrupts every millisecond.
            halt_cpu();
        }
    }
}
