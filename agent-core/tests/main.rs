//! The agent as its hosts, its guests and their kernels see it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod arguments;
mod base64;
mod commands_disk;
mod commands_exec;
mod commands_file;
mod commands_fsfreeze;
mod commands_machine;
mod commands_network;
mod commands_user;
mod common;
mod conversation;
mod engine;
#[cfg(feature = "async")]
mod examples;
mod handlers;
mod large;
mod negative;
mod own_commands;
mod pieces;
mod pump;
#[cfg(feature = "async")]
mod pump_async;
mod questions;
mod schema;
mod strings;
mod writer;
