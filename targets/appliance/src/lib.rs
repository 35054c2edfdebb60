#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

#[cfg(all(target_os = "none", feature = "appliance"))]
pub mod carrier;
#[cfg(target_os = "none")]
pub mod channel;
#[cfg(target_os = "none")]
pub mod channels;
#[cfg(all(target_os = "none", feature = "appliance"))]
pub mod families;
#[cfg(target_os = "none")]
pub mod guest;
pub mod load;
#[cfg(target_os = "none")]
pub mod nano;
#[cfg(all(target_os = "none", feature = "appliance"))]
pub mod policy;
#[cfg(all(target_os = "none", feature = "appliance"))]
pub mod replug;
#[cfg(all(target_os = "none", feature = "appliance"))]
pub mod serve;
#[cfg(feature = "appliance")]
pub mod settings;
#[cfg(all(target_os = "none", feature = "appliance"))]
pub mod sockets;
#[cfg(all(target_os = "none", feature = "appliance"))]
pub mod state;
#[cfg(all(target_os = "none", feature = "testing"))]
pub mod testing;
pub mod words;
