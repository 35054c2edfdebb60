//! The state behind the answers of the profile `appliance`.

mod appliance;
mod controllers;
pub(crate) mod disk;
pub mod disks;
mod drive;
mod drives;
pub mod hardware;
pub(crate) mod host_words;
pub mod links;
mod listener;
mod numbered;
mod scsi;
mod virtio_card;
mod virtio_disk;

pub use self::appliance::Appliance;
pub(crate) use self::appliance::DRIVEN;
pub(crate) use self::virtio_card::VirtioCard;
pub(crate) use self::virtio_disk::VirtioDisk;
