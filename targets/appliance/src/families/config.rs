//! The appliance's settings, for a host that wants to know what came of them.

use nanoqga::{Command, Error, Reply, Request, Step};
use serde::Serialize;

use crate::guest::Guest;
use crate::state::Appliance;

/// The appliance's own command.
pub const CONFIG: &[Command<Guest<Appliance>>] = &[Command::new("nanoqga-config", config).while_frozen().packed()];

/// A setting.
#[derive(Serialize)]
struct Setting {
    setting: &'static str,
    value: &'static str,
    source: &'static str,
}

/// Tells each setting that counts and where it is from, those of the sources that count most first.
///
/// Returns a list: of each the `setting`, its `value` and its `source`.
fn config(guest: &mut Guest<Appliance>, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    if request.step() == 0 {
        request.arguments().finish()?;
        guest.read_drives();
    }
    let setting = guest.state.settings.nth(request.step());
    reply.element(Ok(setting.map(|(setting, value, source)| Setting { setting, value, source: source.name() })))
}
