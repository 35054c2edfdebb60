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
    /// How many of the bytes it has: 4 or 16. With any other number it is none.
    pub length: u8,
    /// How many bits of it are the network's: at most 32 or 128. Not looked at where it is no matter.
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
