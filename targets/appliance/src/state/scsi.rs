//! SCSI controllers, whose units are disks.

use heapless::Vec;
use machine::log::Value;
use machine::room::Shared;
use machine::transport::Device;
use machine::virtio_scsi::{Address, Unit, VirtioScsi};
use machine::{log, monotonic_ns, nap};
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::controllers::{MAX_CONTROLLERS, Scsi};
use super::disk::Kind;
use super::disks::{MAX_DISKS, Storage};
use super::virtio_disk::{Controller, VirtioDisk};

impl Storage {
    /// Adds a controller.
    pub(crate) fn add_controller(&mut self, device: Device) {
        let driver = VirtioScsi::new(device.transport, monotonic_ns, nap);
        let driver = driver.map_err(|error| error.reason()).and_then(|driver| Shared::new(driver).ok_or("no memory"));
        let added = driver.and_then(|driver| {
            let scsi = Scsi { driver, pci: device.pci, has_news: true };
            self.controllers.push(scsi).map_err(|_| "there are too many")
        });
        if let Err(reason) = added {
            log!("SCSI controller: {}", reason);
            self.unusable = Some(reason);
        }
    }

    /// Looks for the units of controllers that have news of them.
    pub(crate) fn look_for_units(&mut self) {
        for place in 0..MAX_CONTROLLERS {
            let Some(scsi) = self.controllers.get_mut(place).filter(|scsi| scsi.has_news) else { continue };
            scsi.has_news = false;
            let (driver, pci) = (scsi.driver.clone(), scsi.pci);
            let mut found = Vec::<Address, MAX_DISKS>::new();
            let Ok(mut controller) = driver.try_borrow_mut() else { continue };
            controller.find(&mut |controller, address| {
                let is_known = self.disks.iter_mut().any(|(_, disk)| disk.driver.is_at(&driver, address));
                if is_known || self.add_unit(&driver, pci, controller.unit(address), address) {
                    _ = found.push(address);
                }
            });
            drop(controller);
            self.retain_disks(&|disk| match &disk.driver {
                VirtioDisk::Scsi(of, unit) => !of.is(&driver) || found.contains(&unit.address()),
                VirtioDisk::Blk(_) => true,
            });
        }
    }

    /// Adds a disk, if it can be used.
    fn add_unit(
        &mut self,
        controller: &Shared<Controller>,
        pci: Option<DeviceFunction>,
        unit: Result<Option<Unit>, &'static str>,
        at: Address,
    ) -> bool {
        match unit {
            Ok(None) => false,
            Ok(Some(unit)) => {
                let kind = if unit.is_cd() { Kind::Cd } else { Kind::Scsi };
                self.add_disk(kind, VirtioDisk::Scsi(controller.clone(), unit), pci)
            }
            Err(reason) => {
                log!("unit {} of SCSI target {} is not used: {}", at.unit, at.target, reason);
                false
            }
        }
    }

    /// Drops the controllers that `keep` does not keep.
    pub(super) fn retain_controllers(&mut self, keep: &dyn Fn(DeviceFunction) -> bool) {
        self.controllers.retain(|scsi| scsi.pci.is_none_or(keep));
    }

    /// Acknowledges the controllers' interrupts, and looks for units where these say that some came or left.
    pub(super) fn acknowledge_controllers(&mut self) {
        let mut any = false;
        for scsi in &mut self.controllers {
            if scsi.driver.try_borrow_mut().is_ok_and(|mut driver| driver.take_changes()) {
                (scsi.has_news, any) = (true, true);
            }
        }
        if any {
            self.look_for_units();
        }
    }

    /// Stops the controllers before the machine sleeps.
    pub(super) fn suspend_controllers(&self) {
        for driver in self.controllers.iter().filter_map(|scsi| scsi.driver.try_borrow_mut().ok()) {
            { driver }.stop();
        }
    }

    /// Sets them up again.
    pub(super) fn resume_controllers(&self) {
        for (number, scsi) in self.controllers.iter().enumerate() {
            if let Ok(Err(error)) = scsi.driver.try_borrow_mut().map(|mut driver| driver.restart()) {
                log!("SCSI controller {}: {}", Value::from(number), error.reason());
            }
        }
    }
}

impl VirtioDisk {
    /// Whether it is this unit of this controller.
    fn is_at(&self, controller: &Shared<Controller>, address: Address) -> bool {
        matches!(self, Self::Scsi(of, unit) if of.is(controller) && unit.address() == address)
    }
}
