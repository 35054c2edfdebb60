//! What `nano` and `nano-xen` share: their commands, and a panic handler that nothing calls.

use nanoqga::commands::{info, os, power, sync, time};
use nanoqga::{Command, Error, Reply, Request, Step};

use crate::guest::Guest;

/// All of them.
pub static TABLES: &[&[Command<Guest>]] = &[
    sync::commands(),
    info::commands(),
    os::commands(),
    os::name_commands(),
    os::timezone_commands(),
    time::commands(),
    time::set_commands(),
    power::commands(),
    EMPTY_LISTS,
];

/// Lists that are empty here. libvirt, KubeVirt and oVirt take an agent without them for a broken one.
static EMPTY_LISTS: &[Command<Guest>] = &[
    Command::new("guest-network-get-interfaces", empty_list).while_frozen(),
    Command::new("guest-get-fsinfo", empty_list).while_frozen(),
    Command::new("guest-get-users", empty_list).while_frozen(),
];

fn empty_list(_: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    reply.element(Ok(None::<bool>))
}

/// Nothing calls it, as `cargo xtask test panics` proves. What cannot go on ends in the last words of an exception.
#[cfg(not(feature = "proof"))]
pub use machine::last_words::die as end;

/// Has the proof fail if anything calls it.
#[cfg(feature = "proof")]
pub fn end(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "Rust" {
        fn a_panic_is_reachable_in_nano() -> !;
    }
    // SAFETY: It exists nowhere, so the image is not even linked with this call in it.
    unsafe { a_panic_is_reachable_in_nano() }
}
