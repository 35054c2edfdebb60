//! The program `nanoqga`, as people and scripts run it: against the agent for Linux and qemu-ga as programs of this host, and
//! against images under QEMU.

mod agents;
mod copies;
mod guests;
mod prompt;
mod run;
mod statuses;
