//! How a driver stops its device (virtio 1.2, 2.4).

use virtio_drivers::transport::{DeviceStatus, Transport};

/// How often the status is read before a device is given up. In practice it is 0 at the first read.
const LOOKS: u32 = 1_000_000;

/// Resets a device. Returns whether it uses no memory any more: it has completed the reset, or has left, upon which all reads
/// return ones.
pub(crate) fn reset(transport: &mut impl Transport) -> bool {
    transport.set_status(DeviceStatus::empty());
    (0..LOOKS).any(|_| matches!(transport.get_status(), status if status.is_empty() || status.is_all()))
}
