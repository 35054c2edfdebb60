//! Network masks.

use core::net::IpAddr;

/// The length of the prefix that a mask such as `255.255.255.0` or `ffff::` stands for. `None` if it is no mask.
pub(crate) fn prefix(mask: &str) -> Option<u8> {
    let (leading, all) = match mask.parse().ok()? {
        IpAddr::V4(mask) => (mask.to_bits().leading_ones(), mask.to_bits().count_ones()),
        IpAddr::V6(mask) => (mask.to_bits().leading_ones(), mask.to_bits().count_ones()),
    };
    (leading == all).then_some(all as u8)
}
