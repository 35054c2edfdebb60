//! The commands, a file per family: wire types, the one trait that the family's platform implements, and its table.
//!
//! Names, types and texts are those of QEMU's guest agent schema (`qga/qapi-schema.json`).

pub mod info;
pub mod os;
pub mod power;
pub mod sync;
pub mod time;
