//! What QEMU's `virt` machines have in common, whatever their CPU: a device tree says what there is.

#[cfg(feature = "appliance")]
mod hardware;
mod machine;
mod pci;
#[cfg(feature = "appliance")]
mod power_button;
mod serial_port;
mod start;
mod time;

#[cfg(feature = "appliance")]
pub use self::hardware::Hardware;
pub use self::machine::{Machine, PowerError};
pub use self::serial_port::SerialPort;
#[cfg(feature = "appliance")]
pub(crate) use self::time::counter_in;
pub use self::time::{hypervisor_start_ns, monotonic_ns};

use crate::cell::FoundAtBoot;
use crate::device_tree::Tree;

/// The machine's tree, for whoever has to look up something later.
static TREE: FoundAtBoot<Tree<'static>> = FoundAtBoot::new();

/// The machine's tree. `None` before the machine has started.
pub(crate) fn tree() -> Option<&'static Tree<'static>> {
    TREE.get()
}
