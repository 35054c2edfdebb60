//! What a host may ask of this firmware.

use cortex_m::peripheral::SCB;
use nanoqga::commands::{info, os, power, sync};
use nanoqga::{Buffers, Command, CommandSet, Error, Failure, Reply, Request, Step};
use static_cell::ConstStaticCell;

use crate::board;
use crate::lamp::Lamp;
use crate::thermometer::Thermometer;

/// What the answers need.
pub struct Firmware {
    pub lamp: Lamp,
    pub thermometer: Thermometer,
}

impl info::Identity for Firmware {
    fn version(&self) -> &str {
        "1.0.0"
    }
}

impl os::Os for Firmware {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        os::OsInfo { id: Some("firmware"), name: Some("Firmware"), machine: Some("armv7m"), ..os::OsInfo::default() }
    }
}

impl os::HostName for Firmware {
    fn host_name(&mut self) -> Result<&str, Failure> {
        Ok("lm3s6965")
    }
}

impl power::Power for Firmware {
    fn shutdown(&mut self, how: power::Shutdown) -> Result<(), Failure> {
        match how {
            power::Shutdown::PowerDown => board::power_off(),
            power::Shutdown::Reboot => SCB::sys_reset(),
            power::Shutdown::Halt => Err(Failure("this firmware can only be switched off or start again")),
        }
    }
}

/// Measures the temperature of the chip, in thousandths of a degree Celsius.
fn get_temperature(firmware: &mut Firmware, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    let temperature = firmware.thermometer.measure().ok_or(Failure("the converter has taken no sample"))?;
    Ok(reply.whole(&temperature)?)
}

/// Switches the lamp `on` or off. Returns whether it was on before.
fn set_lamp(firmware: &mut Firmware, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let on: bool = arguments.required("on")?;
    arguments.finish()?;
    let was_on = firmware.lamp.is_on();
    firmware.lamp.switch(on);
    Ok(reply.whole(&was_on)?)
}

const OWN: &[Command<Firmware>] =
    &[Command::new("cortex-m-get-temperature", get_temperature), Command::new("cortex-m-set-lamp", set_lamp)];

/// The commands that are answered.
pub static COMMANDS: CommandSet<Firmware> =
    CommandSet::new(&[sync::commands(), info::commands(), os::commands(), os::name_commands(), power::commands(), OWN]);
/// Memory for a request of 1 KiB, and for a piece of a reply.
pub static BUFFERS: ConstStaticCell<Buffers<1024, 256>> = ConstStaticCell::new(Buffers::new());
