//! The system under the agent: what the kernel and `/etc` tell, what they are told, and what the agent keeps of either.
//! Nothing here knows of the guest that answers hosts.

mod account_files;
pub mod accounts;
mod attributes;
pub mod authorized_keys;
pub mod block;
pub mod command;
pub mod disks;
pub mod errno;
pub mod file_systems;
pub mod files;
pub mod freeze;
pub mod hook;
#[cfg(test)]
mod hostile;
pub mod interfaces;
pub mod logins;
pub mod memory_blocks;
pub mod mounts;
pub mod netlink;
pub mod nvme;
pub mod open_files;
pub mod os_release;
pub mod password;
pub mod path_rules;
pub mod processors;
pub mod programs;
mod reading;
pub mod routes;
pub mod rtc;
mod sessions;
pub mod shutdown;
pub mod sleep;
pub mod spawn;
pub mod state;
pub mod time_zone;
pub mod xen_store;
