//! The agent for Linux, by scenario: as a program on this host beside qemu-ga, and as the first process of a guest.

mod accounts;
mod beside;
mod boot;
mod booted;
mod both;
mod channels;
mod containers;
mod filesystems;
mod freezing;
mod inside;
mod killed;
mod local_user;
mod machine;
mod options;
mod other_init;
mod policy;
mod power;
mod signals;
mod state;
mod suspend;
mod volumes;
mod words;
