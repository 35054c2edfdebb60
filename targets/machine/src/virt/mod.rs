//! What QEMU's `virt` machines have in common, whatever their CPU: a device tree says what there is.

mod host_files;
mod hotplug;
mod io_ports;
mod machine;
mod pci;
mod power_button;
mod serial_port;
mod start;
mod suspend;
mod time;
mod timer;

pub(crate) use crate::arch::{EXITS, Rtc};
#[cfg(target_arch = "aarch64")]
pub use crate::arch::{LogPort, log_port};
pub(crate) use crate::pci::MappedEcam as PciSpace;
pub(crate) use crate::pci::is_low as reach;

pub use self::host_files::HostFiles;
pub(crate) use self::hotplug::FirmwareSlots;
pub(crate) use self::io_ports::IoPorts;
pub use self::machine::{Machine, PowerError};
pub use self::power_button::PowerButton;
pub use self::serial_port::SerialPort;
#[cfg(target_arch = "riscv64")]
pub use self::serial_port::{SerialPort as LogPort, first_serial_port as log_port};
pub use self::suspend::Suspend;
pub(crate) use self::time::hypervisor_start_ns;
pub use self::time::monotonic_ns;
pub use self::timer::{Timer, nap};
