//! `network`: interfaces, their addresses and counters, and the routes.

use nanoqga::Failure;
use nanoqga::commands::network::{Address, Interface, InterfaceStatistics, Interfaces, Route, Routes};

use super::{Guest, Lists};
use crate::system::interfaces;

impl Interfaces for Guest {
    fn interface(&mut self, index: usize) -> Result<Option<Interface<'_>>, Failure> {
        let Lists { interfaces: listed, netlink, .. } = &mut self.lists;
        let interface = listed.element(index, || interfaces::all(netlink))?;
        Ok(interface
            .map(|interface| Interface { name: &interface.name, hardware_address: Some(interface.hardware_address) }))
    }

    fn address(&mut self, interface: usize, index: usize) -> Option<Address> {
        self.lists.interfaces.again(interface)?.addresses.get(index).copied()
    }

    fn interface_statistics(&mut self, interface: usize) -> Option<InterfaceStatistics> {
        self.lists.interfaces.again(interface)?.statistics
    }
}

impl Routes for Guest {
    fn route(&mut self, index: usize) -> Result<Option<Route<'_>>, Failure> {
        let route = self.lists.routes.element(index, || self.route_tables.all())?;
        Ok(route.map(|(interface, route)| Route { interface, ..*route }))
    }
}
