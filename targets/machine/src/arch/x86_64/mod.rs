//! A PC: q35, pc (i440FX) and microvm.

use core::arch::global_asm;

mod clock;
mod config_space;
mod cpu;
mod exceptions;
#[cfg(feature = "appliance")]
mod hardware;
mod identity_map;
mod interrupts;
mod kvm_clock;
mod machine;
mod port;
pub mod power;
#[cfg(feature = "appliance")]
mod power_button;
mod rtc;
mod serial_port;
#[cfg(feature = "appliance")]
mod suspend;
#[cfg(feature = "appliance")]
mod timer;
mod tsc;
mod virtio_mmio;

pub use self::clock::{hypervisor_start_ns, monotonic_ns};
pub use self::cpu::halt;
#[cfg(feature = "appliance")]
pub use self::cpu::timestamp;
#[cfg(feature = "appliance")]
pub use self::hardware::Hardware;
pub(crate) use self::machine::EXITS;
pub use self::machine::Machine;
pub(crate) use self::rtc::Rtc;
pub use self::serial_port::SerialPort;
pub use crate::transport::Device;

/// What the log is written to.
pub type LogPort = SerialPort;

/// The architecture's name, as `uname -m` has it.
pub const NAME: &str = "x86_64";

global_asm!(include_str!("boot.s"));
