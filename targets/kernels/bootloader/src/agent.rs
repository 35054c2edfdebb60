//! What a host can ask of this kernel.

use alloc::boxed::Box;

use nanoqga::commands::power::Shutdown;
use nanoqga::commands::{info, os, power, sync};
use nanoqga::serve::{Channel, Pump};
use nanoqga::{Agent, Buffers, Command, CommandSet, Error, Failure, Reply, Request, Step};
use virtio_serial::MAX_READ;

use crate::{channels, ticks};

#[derive(Default)]
pub struct Kernel {
    shutdown: Option<Shutdown>,
}

impl info::Identity for Kernel {
    fn version(&self) -> &str {
        "1.0.0"
    }
}

impl os::Os for Kernel {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        os::OsInfo { id: Some("bootloader-kernel"), machine: Some("x86_64"), ..os::OsInfo::default() }
    }
}

impl os::HostName for Kernel {
    fn host_name(&mut self) -> Result<&str, Failure> {
        Ok("bootloader-kernel")
    }
}

impl power::Power for Kernel {
    fn shutdown(&mut self, how: Shutdown) -> Result<(), Failure> {
        self.shutdown = Some(how);
        Ok(())
    }
}

/// `bootloader-ticks` returns how often the timer has ticked.
fn get_ticks(_: &mut Kernel, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    Ok(reply.whole(&ticks::count())?)
}

const OWN: &[Command<Kernel>] = &[Command::new("bootloader-ticks", get_ticks)];

static COMMANDS: CommandSet<Kernel> = CommandSet::new(&[
    sync::commands(),
    info::commands(),
    os::commands(),
    os::name_commands(),
    power::commands(),
    OWN,
    #[cfg(feature = "testing")]
    nanoqga::commands::testing::commands(),
]);

/// Answers the channel's host until it shuts the kernel down.
pub fn serve<C: Channel + 'static>(channel: &mut C) -> Result<Shutdown, C::Error> {
    #[cfg(feature = "testing")]
    let channel = crate::tests::lend(channel);
    let mut buffers: Box<Buffers> = Box::default();
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    let (mut pump, mut kernel) = (Pump::<MAX_READ>::new(), Kernel::default());
    loop {
        if let Some(how) = kernel.shutdown {
            return Ok(how);
        }
        if !pump.poll(&mut agent, &mut kernel, channel)? {
            channels::sleep();
        }
    }
}
