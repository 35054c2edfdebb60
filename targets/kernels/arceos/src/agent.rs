//! The agent: its commands, and the loop that serves its port.

use ax_std::sync::Mutex;
use nanoqga::commands::power::Shutdown;
use nanoqga::commands::{file, info, network, os, power, sync, time};
use nanoqga::serve::Pump;
use nanoqga::{Agent, Buffers, CommandSet};
use virtio_drivers::{Hal, transport::Transport};
use virtio_serial::{Error, MAX_READ, VirtioSerial};

use crate::kernel::Kernel;
use crate::memory;

/// The commands it answers. Others of the agent's commands do not exist for its host.
static COMMANDS: CommandSet<Kernel> = CommandSet::new(&[
    sync::commands(),
    info::commands(),
    os::commands(),
    os::name_commands(),
    time::commands(),
    time::set_commands(),
    power::commands(),
    network::commands(),
    network::route_commands(),
    file::commands(),
    memory::COMMANDS,
    #[cfg(feature = "testing")]
    nanoqga::commands::testing::commands(),
    #[cfg(feature = "testing")]
    nanoqga::commands::testing::background_commands(),
]);

/// Memory for a request of 128 KiB, because hosts send files in lines of up to 88 KiB, and for a piece of a reply.
static BUFFERS: Mutex<Buffers<{ 128 << 10 }>> = Mutex::new(Buffers::new());

/// Serves the agent's port until a host tells the kernel to end. Returns how.
pub fn serve<H: Hal, T: Transport>(mut port: VirtioSerial<H, T>, wait: impl Fn()) -> Result<Shutdown, Error> {
    let mut buffers = BUFFERS.lock();
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    let (mut pump, mut kernel) = (Pump::<MAX_READ>::new(), Kernel::default());
    loop {
        if let Some(end) = kernel.end {
            return Ok(end);
        }
        if !pump.poll(&mut agent, &mut kernel, &mut port)? {
            wait();
        }
    }
}
