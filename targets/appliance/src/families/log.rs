//! The log, for a host without a console of this guest.

use machine::console;
use machine::log::{Line, RECORDS};
use nanoqga::{Command, Error, Reply, Request, Step};

use crate::guest::Guest;
use crate::state::Appliance;

/// The appliance's own command.
pub const LOG: &[Command<Guest<Appliance>>] = &[Command::new("nanoqga-log", log).while_frozen().packed()];

/// Tells what the guest has logged. Lines that are logged or overwritten while the reply is being sent may be missing.
///
/// Returns a list of strings: the lines that the log still has, as a console prints them, the newest last.
fn log(_: &mut Guest<Appliance>, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    if request.step() == 0 {
        request.arguments().finish()?;
    }
    let mut line = Line::new();
    // The carry is the number of the next line. Lines that come as fast as they are read do not make the list endless.
    let there_is_one = request.step() < RECORDS && console::read(request.carry(), &mut line);
    reply.element(Ok(there_is_one.then(|| line.text())))
}
