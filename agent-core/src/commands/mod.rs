//! The commands, a file per family: wire types, the one trait that the family's platform implements, and its table.
//!
//! Names, types and texts are those of QEMU's guest agent schema (`qga/qapi-schema.json`). A list goes out an element a
//! step: the guest is asked for index 0, 1, 2 ... until it has no more. Index 0 begins a new list, so a guest that has to
//! gather one does so there. A failure is told for index 0; at a later one it ends the list.

pub mod cpu;
pub mod device;
pub mod disk;
pub mod exec;
pub mod file;
pub mod filesystem;
pub mod fsfreeze;
pub mod info;
pub mod memory;
pub mod network;
pub mod os;
mod parts;
pub mod power;
pub mod ssh;
pub mod suspend;
pub mod sync;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
pub mod time;
pub mod user;
