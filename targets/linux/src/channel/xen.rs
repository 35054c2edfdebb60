//! A console of Xen's as the channel: the one that Xen's tools have given the agent's name (Xen, docs/man/xen-pv-channel.7).

use alloc::format;
use alloc::string::String;

use crate::system::xen_store::Store;

/// The name of the console for an agent, as of a virtio port.
pub const NAME: &str = "org.qemu.guest_agent.0";

/// The device of the console called `name`; a name that begins with `/` is a device.
pub(super) fn device_of(name: &str) -> Result<Option<String>, String> {
    if name.starts_with('/') {
        return Ok(Some(name.into()));
    }
    let Some(mut store) = Store::open()? else { return Ok(None) };
    match store.console(name)? {
        None => Ok(None),
        // xl of Xen 4.17 counts channels from 0, and Linux does not look at that console's name.
        Some(0) => Err(format!(
            "Xen's console 0 is called {name}, but Linux serves only those from 1 on: give another channel before it"
        )),
        // The kernel numbers them as the store does.
        Some(number) => Ok(Some(format!("/dev/hvc{number}"))),
    }
}
