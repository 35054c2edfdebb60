//! Offsets of registers in the header of configuration space (PCI Local Bus 3.0, section 6.1), in bytes, and their bits.

pub(super) const ID: u8 = 0x00;
pub(super) const COMMAND_STATUS: u8 = 0x04;
pub(super) const COMMAND_MEMORY: u32 = 1 << 1;
pub(super) const COMMAND_BUS_MASTER: u32 = 1 << 2;
pub(super) const COMMAND_NO_INTERRUPT: u32 = 1 << 10;
pub(super) const STATUS_CAPABILITIES: u32 = 1 << 20;
pub(super) const HEADER_TYPE: u8 = 0x0c;
pub(super) const HEADER_MULTIFUNCTION: u32 = 1 << 23;
pub(super) const BARS: u8 = 0x10;
pub(super) const BAR_64_BITS: u32 = 1 << 2;
pub(super) const CAPABILITIES: u8 = 0x34;
pub(super) const INTERRUPT: u8 = 0x3c;
