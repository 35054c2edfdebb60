//! For `guest-network-get-interfaces` and `guest-network-get-route`.

use core::ffi::{c_char, c_void};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ptr;

use crate::flag::Flag;

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
    /// The number of bytes in use: 4 or 16. With any other number there is no address.
    pub length: u8,
    /// The length of the network prefix in bits: at most 32 or 128. A gateway has none.
    pub prefix: u8,
}

impl Address {
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        match (self.length, self.bytes) {
            (4, [a, b, c, d, ..]) => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
            (16, bytes) => Some(IpAddr::V6(Ipv6Addr::from(bytes))),
            _ => None,
        }
    }
}

/// The counters of an interface.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct InterfaceStatistics {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets received with errors.
    pub rx_errs: u64,
    /// Packets received and dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets that failed to be sent.
    pub tx_errs: u64,
    /// Packets dropped before they were sent.
    pub tx_dropped: u64,
}

/// A route.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The name of its interface.
    pub interface: *const c_char,
    /// The network that it leads to. Without an address the list of routes ends.
    pub destination: Address,
    /// The router, with an address of the same version, if there is one.
    pub gateway: Address,
    /// The metric: the route with the lowest one is used.
    pub metric: u32,
}

impl Default for Route {
    fn default() -> Self {
        let none = Address::default();
        Self { interface: ptr::null(), destination: none, gateway: none, metric: 0 }
    }
}

/// The callbacks of the network family.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct NetworkCallbacks {
    /// For guest-network-get-interfaces.
    pub interface: Option<unsafe extern "C" fn(context: *mut c_void, index: usize, interface: *mut Interface) -> Flag>,
    /// Fills in the `index`-th address of the `interface`-th interface, and returns whether there is one. May be NULL.
    pub address: Option<
        unsafe extern "C" fn(context: *mut c_void, interface: usize, index: usize, address: *mut Address) -> Flag,
    >,
    /// Fills in the counters of the `interface`-th interface, and returns whether it has any. May be NULL.
    pub statistics: Option<
        unsafe extern "C" fn(context: *mut c_void, interface: usize, statistics: *mut InterfaceStatistics) -> Flag,
    >,
    /// For guest-network-get-route.
    pub route: Option<unsafe extern "C" fn(context: *mut c_void, index: usize, route: *mut Route) -> Flag>,
}
