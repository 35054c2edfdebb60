#![doc = include_str!("../README.md")]
//!
//! # Layers
//!
//! - [`json`] turns bytes into messages and back. It knows JSON and no command.
//! - [`agent`] receives bytes, looks the command up, and transmits the reply. [`engine`] is that without commands and memory.
//! - [`command`] says what a command is; [`arguments`] is what a handler sees of a request, [`reply`] what it
//!   answers, [`error`] what a client sees of a failure.
//! - [`commands`] has QEMU's commands, a family a file. A guest implements a family's trait and links its table.
//! - [`serve`] pumps an `embedded-io` channel through an agent; with the feature `async` also one of `embedded-io-async`.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod agent;
pub mod arguments;
pub mod cause;
pub mod command;
pub mod commands;
pub mod engine;
pub mod error;
pub mod json;
pub mod reply;
pub mod serve;

pub use agent::{Agent, Buffers};
pub use arguments::{Arguments, List, Parameter, Path, Text, Value};
pub use cause::Cause;
pub use command::{Command, CommandSet, Request};
pub use engine::{Engine, Memory};
pub use error::{Error, Failure};
pub use reply::{Kind, Reply, Step};
