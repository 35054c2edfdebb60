//! A PC: q35, pc (i440FX) and microvm, whose ACPI tables say what there is, and their age the rest.

mod apic_timer;
mod clock;
mod config_space;
mod ends;
mod firmware;
mod host_files;
mod hotplug;
mod hypervisor_clock;
mod io_ports;
mod kvm_clock;
#[cfg(feature = "xen")]
mod log_port;
mod machine;
mod microvm;
mod power;
mod power_button;
mod reference;
mod rtc;
mod serial_port;
mod suspend;
mod timer;
mod tsc;

pub(crate) use self::clock::hypervisor_start_ns;
pub use self::clock::monotonic_ns;
pub(crate) use self::config_space::ConfigSpace as PciSpace;
pub(crate) use self::ends::EXITS;
pub use self::host_files::HostFiles;
pub(crate) use self::hotplug::FirmwareSlots;
pub(crate) use self::io_ports::IoPorts;
#[cfg(feature = "xen")]
pub use self::log_port::{LogPort, log_port};
pub use self::machine::Machine;
pub use self::power::PowerError;
pub use self::power_button::PowerButton;
pub(crate) use self::rtc::Rtc;
pub use self::serial_port::SerialPort;
/// What the log is written to.
#[cfg(not(feature = "xen"))]
pub use self::serial_port::{SerialPort as LogPort, log_port};
pub use self::suspend::Suspend;
pub use self::timer::{Timer, nap};
pub(crate) use crate::arch::identity_map::reach;
