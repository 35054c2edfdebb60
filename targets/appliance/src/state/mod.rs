//! The state behind the answers of the profile `appliance`.

mod appliance;
pub(crate) mod disk;
pub mod disks;
pub mod hardware;
pub mod links;
mod numbered;
mod virtio_card;
mod virtio_disk;

pub use self::appliance::Appliance;
pub(crate) use self::appliance::DRIVEN;
pub(crate) use self::virtio_card::VirtioCard;
