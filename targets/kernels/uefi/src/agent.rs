//! What a host may ask of this application.

use nanoqga::commands::{info, memory, os, power, sync, time};
use nanoqga::{Command, CommandSet, Error, Failure, Reply, Request, Step};
use uefi::Status;
use uefi::mem::memory_map::MemoryMapOwned;
use uefi::runtime::{self, ResetType};

use crate::firmware;

/// What the answers need: RAM as it was when the application started.
pub struct Application {
    map: MemoryMapOwned,
}

impl Application {
    pub fn new() -> uefi::Result<Self> {
        Ok(Self { map: firmware::memory_map()? })
    }
}

impl info::Identity for Application {
    fn version(&self) -> &str {
        "1.0.0"
    }
}

impl os::Os for Application {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        os::OsInfo { id: Some("uefi"), name: Some("UEFI"), machine: Some("x86_64"), ..os::OsInfo::default() }
    }
}

impl os::HostName for Application {
    fn host_name(&mut self) -> Result<&str, Failure> {
        Ok("application")
    }
}

impl power::Power for Application {
    fn shutdown(&mut self, how: power::Shutdown) -> Result<(), Failure> {
        let reset = match how {
            power::Shutdown::PowerDown => ResetType::SHUTDOWN,
            power::Shutdown::Reboot => ResetType::COLD,
            power::Shutdown::Halt => return Err(Failure("this machine can only be switched off or start again")),
        };
        runtime::reset(reset, Status::SUCCESS, None)
    }
}

impl time::Clock for Application {
    fn time(&mut self) -> Result<i64, Failure> {
        firmware::time().ok_or(Failure("firmware does not tell the time"))
    }
}

impl time::SetClock for Application {
    fn set_time(&mut self, time: i64) -> Result<(), Failure> {
        firmware::set_time(time).ok_or(Failure("firmware does not set the time"))
    }

    /// Does nothing: firmware's clock is the machine's.
    fn set_time_from_machine(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl memory::MemoryBlocks for Application {
    fn memory_block(&mut self, index: usize) -> Result<Option<memory::MemoryBlock>, Failure> {
        let block = firmware::memory_block(&self.map, index);
        Ok(block.map(|phys_index| memory::MemoryBlock { phys_index, online: true, can_offline: Some(false) }))
    }

    fn memory_block_size(&mut self) -> Result<u64, Failure> {
        Ok(firmware::BLOCK_SIZE)
    }
}

/// Returns how much memory is free, in bytes.
fn get_free_memory(_: &mut Application, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    let map = firmware::memory_map().map_err(|_| Failure("firmware has no memory map"))?;
    Ok(reply.whole(&firmware::free_memory(&map))?)
}

const OWN: &[Command<Application>] = &[Command::new("uefi-get-free-memory", get_free_memory)];

/// The commands that are answered.
pub static COMMANDS: CommandSet<Application> = CommandSet::new(&[
    sync::commands(),
    info::commands(),
    os::commands(),
    os::name_commands(),
    power::commands(),
    time::commands(),
    time::set_commands(),
    memory::commands(),
    OWN,
    #[cfg(feature = "testing")]
    nanoqga::commands::testing::commands(),
]);
