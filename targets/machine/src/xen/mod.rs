//! A domain of Xen: its store, its consoles, its clock and its end (Xen, xen/include/public).
//!
//! What only computes is here for every machine; `guest` is the way to the hypervisor.

#[cfg(all(feature = "xen", target_os = "none", target_arch = "x86_64"))]
mod guest;
mod pages;
mod ring;
mod shutdown;
mod store;

#[cfg(all(feature = "xen", target_os = "none", target_arch = "x86_64"))]
pub use self::guest::{Console, Domain, PrimaryConsole};
pub use self::pages::{ConsolePage, StorePage};
pub use self::ring::Ring;
pub use self::shutdown::Wish;
pub use self::store::{Store, StoreError, Wire};
