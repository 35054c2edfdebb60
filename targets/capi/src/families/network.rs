//! `guest-network-get-interfaces` and `guest-network-get-route`.

use core::ffi::{c_char, c_void};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ptr;

use agent_core::Failure;
use agent_core::commands::network::{self, Destination};

use super::{add, element};
use crate::agent::Nanoqga;
use crate::flag::Flag;
use crate::guest::Guest;
use crate::status::Status;
use crate::text::from_c;

/// A network interface.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// The name, such as "eth0".
    pub name: *const c_char,
    /// Whether there is a hardware address. Proxmox shows no addresses of an interface without one.
    pub has_hardware_address: Flag,
    /// The hardware address, in the order in which it is sent.
    pub hardware_address: [u8; 6],
}

impl Default for Interface {
    fn default() -> Self {
        Self { name: ptr::null(), has_hardware_address: Flag::default(), hardware_address: [0; 6] }
    }
}

/// An IP address.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Address {
    /// The address, in the order in which it is sent.
    pub bytes: [u8; 16],
    /// How many of the bytes it has: 4 or 16. With any other number it is none.
    pub length: u8,
    /// How many bits of it are the network's: at most 32 or 128. Not looked at where it is no matter.
    pub prefix: u8,
}

impl Address {
    fn ip(&self) -> Option<IpAddr> {
        match (self.length, self.bytes) {
            (4, [a, b, c, d, ..]) => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
            (16, bytes) => Some(IpAddr::V6(Ipv6Addr::from(bytes))),
            _ => None,
        }
    }
}

/// What went through an interface.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct InterfaceStatistics {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets that came in broken.
    pub rx_errs: u64,
    /// Packets that came in and were dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets that could not be sent.
    pub tx_errs: u64,
    /// Packets that were dropped before they were sent.
    pub tx_dropped: u64,
}

/// A route.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The name of the interface that it goes through.
    pub interface: *const c_char,
    /// The network that it leads to. Without an address there is no such route.
    pub destination: Address,
    /// The router on the way, of the same version; none without an address.
    pub gateway: Address,
    /// What it costs: of several routes the one with the lowest is taken.
    pub metric: u32,
}

impl Default for Route {
    fn default() -> Self {
        let none = Address::default();
        Self { interface: ptr::null(), destination: none, gateway: none, metric: 0 }
    }
}

/// What the network family needs of a kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct NetworkCallbacks {
    /// For guest-network-get-interfaces.
    pub interface: Option<unsafe extern "C" fn(context: *mut c_void, index: usize, interface: *mut Interface) -> Flag>,
    /// Fills in the `index`-th address of the `interface`-th interface. Returns whether there are as many. May be NULL.
    pub address: Option<
        unsafe extern "C" fn(context: *mut c_void, interface: usize, index: usize, address: *mut Address) -> Flag,
    >,
    /// Fills in what went through the `interface`-th interface. Returns whether that is known. May be NULL.
    pub statistics: Option<
        unsafe extern "C" fn(context: *mut c_void, interface: usize, statistics: *mut InterfaceStatistics) -> Flag,
    >,
    /// For guest-network-get-route.
    pub route: Option<unsafe extern "C" fn(context: *mut c_void, index: usize, route: *mut Route) -> Flag>,
}

/// Adds the network family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_network(agent: *mut Nanoqga, callbacks: *const NetworkCallbacks) -> Status {
    let is_there = |callbacks: &NetworkCallbacks| [callbacks.interface.is_some(), callbacks.route.is_some()];
    // SAFETY: The caller's promise.
    unsafe { add(agent, callbacks, network::commands(), is_there, |guest| &mut guest.network) }
}

impl network::Network for Guest {
    fn interface(&mut self, index: usize) -> Result<Option<network::Interface<'_>>, Failure> {
        // SAFETY: The kernel's callback, with its context.
        let interface = unsafe { element(self.network.interface, self.context, index) };
        Ok(interface.map(|Interface { name, has_hardware_address, hardware_address }| network::Interface {
            // SAFETY: The callback has left it NULL or set it to a text.
            name: unsafe { from_c(name) }.unwrap_or_default(),
            hardware_address: has_hardware_address.is_set().then_some(network::MacAddress(hardware_address)),
        }))
    }

    fn address(&mut self, interface: usize, index: usize) -> Option<network::Address> {
        let mut address = Address::default();
        // SAFETY: The kernel's callback, with its context, which may write the address.
        let there = unsafe { self.network.address?(self.context, interface, index, &raw mut address) };
        let found = network::Address { address: address.ip()?, prefix: address.prefix };
        there.is_set().then_some(found)
    }

    fn interface_statistics(&mut self, interface: usize) -> Option<network::InterfaceStatistics> {
        // SAFETY: The kernel's callback, with its context.
        let counted = unsafe { element(self.network.statistics, self.context, interface) }?;
        Some(network::InterfaceStatistics {
            rx_bytes: counted.rx_bytes,
            rx_packets: counted.rx_packets,
            rx_errs: counted.rx_errs,
            rx_dropped: counted.rx_dropped,
            tx_bytes: counted.tx_bytes,
            tx_packets: counted.tx_packets,
            tx_errs: counted.tx_errs,
            tx_dropped: counted.tx_dropped,
        })
    }

    fn route(&mut self, index: usize) -> Result<Option<network::Route<'_>>, Failure> {
        // SAFETY: The kernel's callback, with its context.
        let Some(route) = (unsafe { element(self.network.route, self.context, index) }) else { return Ok(None) };
        let prefix = route.destination.prefix;
        let to = match (route.destination.ip(), route.gateway.ip()) {
            (Some(IpAddr::V4(network)), gateway) => {
                let mask = Ipv4Addr::from(u32::MAX.checked_shl(32u8.saturating_sub(prefix).into()).unwrap_or(0));
                let gateway = gateway.and_then(|gateway| if let IpAddr::V4(v4) = gateway { Some(v4) } else { None });
                Destination::V4 { network, mask, gateway }
            }
            (Some(IpAddr::V6(network)), gateway) => {
                let next_hop = gateway.and_then(|gateway| if let IpAddr::V6(v6) = gateway { Some(v6) } else { None });
                Destination::V6 { network, prefix, source: None, next_hop }
            }
            (None, _) => return Ok(None),
        };
        Ok(Some(network::Route {
            // SAFETY: The callback has left it NULL or set it to a text.
            interface: unsafe { from_c(route.interface) }.unwrap_or_default(),
            to,
            metric: route.metric,
            flags: None,
            references: None,
            uses: None,
            mtu: None,
            window: None,
            initial_rtt: None,
        }))
    }
}
