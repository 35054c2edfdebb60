#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod advertisement;
mod dhcp;
mod frame;
mod icmpv6;
mod link;
mod neighbour;
mod port;
mod presence;
mod setting;

pub use smoltcp::time::{Duration, Instant};
pub use smoltcp::wire::{IpAddress, IpCidr};

pub use self::dhcp::MAX_HOST_NAME;
pub use self::frame::MAX_FRAME;
pub use self::link::{Link, Route};
pub use self::port::{Card, Statistics};
pub use self::setting::{Invalid, Method, NAMES, Setting, Settings, Static, Which};

#[cfg(test)]
mod tests;
