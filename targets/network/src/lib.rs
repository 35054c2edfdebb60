#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod advertisement;
mod link;
mod port;
mod setting;

pub use smoltcp::time::{Duration, Instant};
pub use smoltcp::wire::{IpAddress, IpCidr};

pub use self::link::{Link, NO_SOCKETS, Route, Storage};
pub use self::port::{Card, MAX_FRAME, Statistics};
pub use self::setting::{Invalid, Method, NAMES, Setting, Settings, Static};

#[cfg(test)]
mod tests;
