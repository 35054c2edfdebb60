#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod document;
pub mod drive;
mod interface;
pub mod iso;
mod meaning;
mod sink;
pub mod smbios;
pub mod words;

pub use self::drive::Kind;
pub use self::sink::Sink;

#[cfg(test)]
mod tests;
