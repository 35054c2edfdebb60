//! What a DHCP server leases.

use heapless::Vec;
use smoltcp::wire::{Ipv4Address, Ipv4Cidr};

/// The most routes of a lease.
pub(crate) const MAX_ROUTES: usize = 8;

/// What a server has leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) address: Ipv4Cidr,
    /// Networks and the routers towards them.
    pub(crate) routes: Vec<(Ipv4Cidr, Ipv4Address), MAX_ROUTES>,
    /// The longest packet of the network, in bytes.
    pub(crate) mtu: Option<u16>,
}
