//! The state behind the answers of the profile `appliance`.

#[cfg(target_os = "none")]
mod appliance;
#[cfg(target_os = "none")]
pub mod disks;
#[cfg(target_os = "none")]
pub mod hardware;
#[cfg(target_os = "none")]
pub mod links;
pub mod load;
#[cfg(target_os = "none")]
mod virtio_card;
#[cfg(target_os = "none")]
mod virtio_disk;

#[cfg(target_os = "none")]
pub use self::appliance::Appliance;
#[cfg(target_os = "none")]
pub(crate) use self::virtio_card::VirtioCard;
