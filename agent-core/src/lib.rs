//! The engine of a QEMU guest agent: it answers the commands that a host sends over a virtio-serial port or a UART.
//!
//! - [`wire`] turns bytes into messages and back. It knows JSON and no command.
//! - [`agent`] receives bytes, looks the command up, and transmits the reply. [`machine`] is that without buffers.
//! - [`command`] says what a command is; [`arguments`] is what a handler sees of a request, [`reply`] what it
//!   answers, [`error`] what a client sees of a failure.
//! - [`commands`] has QEMU's commands, a family a file. A guest implements a family's trait and links its table.
//! - [`serve`] pumps an `embedded-io` channel through an agent; with the feature `async` also one of `embedded-io-async`.
//!
//! The engine has no clock, does no I/O, allocates nothing and can lie in a `static`.
//!
//! ```
//! use agent_core::commands::{info, power, sync};
//! use agent_core::{Agent, CommandSet, Failure};
//!
//! struct Kernel;
//!
//! impl info::Identity for Kernel {
//!     fn version(&self) -> &str {
//!         "1.0.0"
//!     }
//! }
//!
//! impl power::Power for Kernel {
//!     fn shutdown(&mut self, _: power::Shutdown) -> Result<(), Failure> {
//!         Err(Failure("this machine has no power switch"))
//!     }
//! }
//!
//! static COMMANDS: CommandSet<Kernel> = CommandSet::new(&[sync::commands(), info::commands(), power::commands()]);
//! let mut agent: Agent<Kernel> = Agent::new(&COMMANDS);
//!
//! let request = br#"{"execute":"guest-sync","arguments":{"id":7}}"#;
//! assert_eq!(agent.receive(request), request.len());
//! let mut room = [0; 64];
//! let length = agent.transmit(&mut Kernel, &mut room);
//! assert_eq!(&room[..length], b"{\"return\": 7}\n");
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod agent;
pub mod arguments;
pub mod command;
pub mod commands;
pub mod error;
pub mod machine;
pub mod reply;
pub mod serve;
pub mod wire;

pub use agent::Agent;
pub use arguments::{Arguments, List, Parameter, Path, Text, Value};
pub use command::{Command, CommandSet, Request};
pub use error::{Error, Failure};
pub use reply::{Reply, Step};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
