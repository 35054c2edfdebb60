//! Devices that come and leave while the guest runs.

use machine::transport::Device;
use machine::{heap, log};
use virtio_drivers::transport::DeviceType::{Block, Console, ScsiHost};
use virtio_drivers::transport::pci::bus::DeviceFunction;

use crate::channels::Channels;
use crate::guest::Guest;
use crate::state::links::Links;
use crate::state::{Appliance, DRIVEN};

impl Guest<Appliance> {
    /// Lets the devices go that shall leave, and uses those that came, of which `add_console` gets the consoles. Returns whether
    /// there were any of either.
    pub fn replug<const OUT: usize>(
        &mut self,
        channels: &mut Channels<Appliance, OUT>,
        mut add_console: impl FnMut(&mut Channels<Appliance, OUT>, Device),
    ) -> bool {
        let Some(mut hotplug) = self.state.hotplug.take_if(|hotplug| hotplug.take_changes()) else { return false };
        // Any disk may be the one that leaves.
        self.state.storage.unmount();
        self.retain(channels, &|at| !hotplug.is_leaving(at));
        hotplug.let_go();
        self.retain(channels, &|at| hotplug.has(at));
        hotplug.new_devices(&self.machine, &DRIVEN, &mut |kind, device| match kind {
            Console => add_console(channels, device),
            Block => self.state.storage.add(device),
            ScsiHost => self.state.storage.add_controller(device),
            _ => self.state.add_card(device, self.host_name.as_deref().unwrap_or_default()),
        });
        self.state.storage.look_for_units();
        log!("{} KiB of memory are free", heap::free() / 1024);
        self.state.hotplug = Some(hotplug);
        self.state.look_again();
        true
    }

    fn retain<const OUT: usize>(
        &mut self,
        channels: &mut Channels<Appliance, OUT>,
        keep: &dyn Fn(DeviceFunction) -> bool,
    ) {
        channels.retain(keep);
        self.state.storage.retain(keep);
        self.state.links.iter_mut().for_each(|links: &mut Links| links.retain(keep));
    }
}
