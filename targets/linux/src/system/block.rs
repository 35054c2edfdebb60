//! Block devices in sysfs: their nodes, their serial numbers, and where in the machine they are.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nanoqga::commands::disk::{BusType, CcwAddress, DiskAddress, PciAddress};

use super::files::{linked, names, numbers, read_attribute, read_line, read_text};

/// How deep volumes may be stacked: LUKS on LVM on RAID on partitions, and as much again.
const DEEPEST: usize = 8;

/// A block device in sysfs.
#[derive(Debug)]
pub struct Device {
    /// Its directory, no part of whose path is a link.
    path: String,
    /// What the kernel says of it when it comes.
    event: String,
    /// What udev knows of it, if it runs.
    udev: String,
}

impl Device {
    /// The device whose directory this is.
    pub fn at(path: String) -> Self {
        let event = read_attribute(&format!("{path}/uevent")).unwrap_or_default();
        let udev = match (value(&event, "MAJOR"), value(&event, "MINOR")) {
            (Some(major), Some(minor)) => read_text(&format!("/run/udev/data/b{major}:{minor}")).unwrap_or_default(),
            _ => String::new(),
        };
        Self { path, event, udev }
    }

    /// Its directory.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it exists in the kernel only: a loop, a volume, memory.
    pub fn is_virtual(&self) -> bool {
        is_virtual(&self.path)
    }

    /// The path of its node.
    pub fn node(&self) -> Option<String> {
        node_in(&self.event)
    }

    /// The name that it has as a volume of the device mapper.
    pub fn alias(&self) -> Option<String> {
        let udev = || self.property("DM_NAME").map(ToString::to_string);
        if self.is_virtual() { udev().or_else(|| read_line(&format!("{}/dm/name", self.path))) } else { None }
    }

    /// A property in udev's database.
    fn property(&self, name: &str) -> Option<&str> {
        let entry = |line| value(str::strip_prefix(line, "E:")?, name);
        self.udev.lines().find_map(entry).filter(|value| !value.is_empty())
    }

    /// Its serial number: as udev puts it together, or else as the driver tells it, also for a partition's disk.
    fn serial(&self) -> Option<String> {
        self.property("ID_SERIAL").map(ToString::to_string).or_else(|| {
            let attributes = ["serial", "device/serial", "../serial", "../device/serial"];
            attributes.iter().find_map(|attribute| read_line(&format!("{}/{attribute}", self.path)))
        })
    }
}

/// The value of a name in lines of `NAME=VALUE`.
fn value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

/// Whether the device whose directory this is exists in the kernel only.
pub fn is_virtual(device: &str) -> bool {
    device.contains("/devices/virtual/block/")
}

/// The directories of the devices that a device is made from, by its own.
pub fn slaves(device: &str) -> Vec<String> {
    linked_from(&format!("{device}/slaves"))
}

/// The directories of all devices that a btrfs is on, by that of one of them.
pub fn of_btrfs(device: &str) -> Vec<String> {
    const ALL: &str = "/sys/fs/btrfs";
    let file_systems = names(ALL).unwrap_or_default();
    let mut devices = file_systems.iter().map(|id| linked_from(&format!("{ALL}/{id}/devices")));
    devices
        .find(|devices| devices.iter().any(|found| found == device))
        .unwrap_or_else(|| Vec::from([device.to_string()]))
}

fn linked_from(directory: &str) -> Vec<String> {
    let names = names(directory).unwrap_or_default();
    names.iter().filter_map(|name| linked(directory, name).ok()).collect()
}

/// The path of the node of a device, by its directory.
pub fn node(device: &str) -> Option<String> {
    node_in(&read_attribute(&format!("{device}/uevent")).ok()?)
}

/// The same, by what the kernel says when the device comes.
fn node_in(event: &str) -> Option<String> {
    value(event, "DEVNAME").map(|name| format!("/dev/{name}"))
}

/// Where a device is, with the names that belong to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    address: DiskAddress<'static>,
    serial: Option<String>,
    node: Option<String>,
}

impl Place {
    /// As the host is told it.
    pub fn address(&self) -> DiskAddress<'_> {
        DiskAddress { serial: self.serial.as_deref(), dev: self.node.as_deref(), ..self.address }
    }

    /// The place of a device, unless nothing is known of it.
    pub fn of(device: &Device) -> Option<Self> {
        let numbers = |directory: &str, prefix: &str| numbers(directory, prefix).unwrap_or_default();
        let located = locate(&device.path, &driver, &numbers);
        let place = Self { address: located.unwrap_or_default(), serial: device.serial(), node: device.node() };
        (located.is_some() || place.serial.is_some() || place.node.is_some()).then_some(place)
    }
}

/// The places of the disks that a device is on, by its directory: its own, or for a virtual one those of what it is made from.
pub fn places(device: &str) -> Vec<Place> {
    let mut found = Vec::new();
    let mut devices = Vec::from([(device.to_string(), 0)]);
    while let Some((path, depth)) = devices.pop() {
        let device = Device::at(path);
        if !device.is_virtual() {
            found.extend(Place::of(&device));
        } else if depth < DEEPEST {
            devices.extend(slaves(device.path()).into_iter().map(|slave| (slave, depth + 1)));
        }
    }
    found
}

/// The driver of the device whose directory this is.
fn driver(directory: &str) -> Option<String> {
    let link = rustix::fs::readlink(format!("{directory}/driver"), Vec::new()).ok()?;
    link.to_str().ok()?.rsplit('/').next().map(ToString::to_string)
}

/// Where the path of a device in sysfs says that it is. `driver` tells that of a directory, and `numbers` those that the names
/// in one that begin with a prefix end in.
pub fn locate(
    device: &str,
    driver: &dyn Fn(&str) -> Option<String>,
    numbers: &dyn Fn(&str, &str) -> Vec<u64>,
) -> Option<DiskAddress<'static>> {
    if device.contains("/devices/pci") {
        locate_pci(device, driver, numbers)
    } else if device.contains("/devices/css") {
        let ccw_address = Some(ccw(device)?);
        let address = if device.contains("/virtio") { virtio(device) } else { DiskAddress::default() };
        Some(DiskAddress { ccw_address, ..address })
    } else {
        device.contains("/virtio").then(|| virtio(device))
    }
}

/// Behind a PCI controller whose driver says how its disks are numbered.
fn locate_pci(
    device: &str,
    driver: &dyn Fn(&str) -> Option<String>,
    numbers: &dyn Fn(&str, &str) -> Vec<u64>,
) -> Option<DiskAddress<'static>> {
    let (pci_controller, driver) = controller(device, driver)?;
    let address = DiskAddress { pci_controller, ..DiskAddress::default() };
    let scsi = scsi(device);
    // Which of its controller's ports a disk is at: the kernel numbers those of all controllers.
    let port = || {
        let (prefix, start) = if device.contains("/ata") { ("ata", "/ata") } else { ("host", "/host") };
        let (directory, rest) = device.split_once(start)?;
        let number: u64 = rest.split('/').next()?.parse().ok()?;
        let place = numbers(directory, prefix).iter().position(|other| *other == number)?;
        u32::try_from(place).ok()
    };
    Some(match (driver.as_str(), scsi) {
        ("ata_piix", Some([_, target, _])) => {
            DiskAddress { bus_type: BusType::Ide, bus: port()?, unit: target, ..address }
        }
        ("ahci", Some(_)) => DiskAddress { bus_type: BusType::Sata, unit: port()?, ..address },
        ("sym53c8xx", Some([_, target, _])) => DiskAddress { bus_type: BusType::Scsi, unit: target, ..address },
        ("virtio-pci", Some([_, _, unit])) => DiskAddress { bus_type: BusType::Scsi, unit, ..address },
        ("virtio-pci", None) => DiskAddress { bus_type: BusType::Virtio, ..address },
        ("nvme", _) => DiskAddress { bus_type: BusType::Nvme, ..address },
        _ => return None,
    })
}

/// The controller: the first PCI device on the path that has one of the drivers whose disks can be told apart.
fn controller(device: &str, driver: &dyn Fn(&str) -> Option<String>) -> Option<(PciAddress, String)> {
    let mut end = device.find("/devices/pci")? + "/devices/".len();
    // The root bus, then a device each.
    end += device.get(end..)?.find('/')?;
    loop {
        let name = device.get(end + 1..)?.split('/').next()?;
        let address = pci_address(name)?;
        end += 1 + name.len();
        let known = driver(device.get(..end)?)
            .filter(|driver| ["ata_piix", "sym53c8xx", "virtio-pci", "ahci", "nvme"].contains(&driver.as_str()));
        if let Some(driver) = known {
            return Some((address, driver));
        }
    }
}

/// A PCI device's name: `0000:00:1f.2`.
fn pci_address(name: &str) -> Option<PciAddress> {
    let (domain, rest) = name.split_once(':')?;
    let (bus, rest) = rest.split_once(':')?;
    let (slot, function) = rest.split_once('.')?;
    let number = |digits| u8::from_str_radix(digits, 16).ok();
    let domain = u32::from_str_radix(domain, 16).ok()?;
    Some(PciAddress { domain, bus: number(bus)?, slot: number(slot)?, function: number(function)? })
}

/// A virtio disk that is on no PCI bus.
fn virtio(device: &str) -> DiskAddress<'static> {
    match scsi(device) {
        Some([bus, target, unit]) => {
            DiskAddress { bus_type: BusType::Scsi, bus, target, unit, ..DiskAddress::default() }
        }
        None => DiskAddress { bus_type: BusType::Virtio, ..DiskAddress::default() },
    }
}

/// Channel, target and unit of a SCSI device: the directory in that of its target is called after all four numbers.
fn scsi(device: &str) -> Option<[u32; 3]> {
    let (_, rest) = device.split_once("/target")?;
    let mut words = rest.split('/').nth(1)?.split(':').skip(1).map(|number| number.parse().ok());
    Some([words.next()??, words.next()??, words.next()??])
}

/// A device's address on an s390x channel: `/devices/css0/0.0.0001/0.0.1234/`.
fn ccw(device: &str) -> Option<CcwAddress> {
    let (_, path) = device.split_once("/devices/css")?;
    let mut names = path.split('/').skip(1);
    let mut numbers = names.next()?.split('.').map(|digits| u32::from_str_radix(digits, 16).ok());
    let devno = names.next()?.rsplit('.').next()?;
    Some(CcwAddress {
        cssid: numbers.next()??,
        ssid: numbers.next()??,
        subchno: numbers.next()??,
        devno: u32::from_str_radix(devno, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    /// A sysfs in which the directory that ends with `at` has this driver, and the controller these ports.
    fn located(device: &str, at: &str, name: &str, ports: &[u64]) -> Option<DiskAddress<'static>> {
        let driver = |directory: &str| {
            if directory.ends_with(at) { Some(name.to_string()) } else { Some("pcieport".into()) }
        };
        locate(device, &driver, &|_, _| ports.to_vec())
    }

    const fn pci(bus: u8, slot: u8, function: u8) -> PciAddress {
        PciAddress { domain: 0, bus, slot, function }
    }

    #[test]
    fn disks_of_each_controller_are_told_apart_by_what_its_driver_numbers() {
        let virtio = "/sys/devices/pci0000:00/0000:00:02.4/0000:05:00.0/virtio2/block/vda/vda1";
        let address = located(virtio, "/0000:05:00.0", "virtio-pci", &[]).unwrap();
        assert_eq!((address.bus_type, address.pci_controller, address.unit), (BusType::Virtio, pci(5, 0, 0), 0));

        let scsi = "/sys/devices/pci0000:00/0000:00:1e.7/virtio1/host2/target2:0:0/2:0:0:3/block/sda";
        let address = located(scsi, "/0000:00:1e.7", "virtio-pci", &[2]).unwrap();
        assert_eq!((address.bus_type, address.pci_controller, address.unit), (BusType::Scsi, pci(0, 0x1e, 7), 3));

        let sata = "/sys/devices/pci0000:00/0000:00:1f.2/ata4/host3/target3:0:0/3:0:0:0/block/sda";
        let address = located(sata, "/0000:00:1f.2", "ahci", &[3, 4, 5]).unwrap();
        assert_eq!((address.bus_type, address.bus, address.unit), (BusType::Sata, 0, 1));

        let ide = "/sys/devices/pci0000:00/0000:00:01.1/ata2/host1/target1:0:1/1:0:1:0/block/sdb";
        let address = located(ide, "/0000:00:01.1", "ata_piix", &[1, 2]).unwrap();
        assert_eq!((address.bus_type, address.bus, address.unit), (BusType::Ide, 1, 1));

        let nvme = "/sys/devices/pci0000:00/0000:00:05.0/nvme/nvme0/nvme0n1";
        assert_eq!(located(nvme, "/0000:00:05.0", "nvme", &[]).unwrap().bus_type, BusType::Nvme);
    }

    #[test]
    fn a_path_that_does_not_say_where_the_disk_is_gives_no_address() {
        for (device, name) in [
            ("/sys/devices/pci0000:00/0000:00:1f.2/ata4/host3/block/sda", "ahci"),
            ("/sys/devices/pci0000:00/0000:00:1f.2/ata9/host3/target3:0:0/3:0:0:0/block/sda", "ahci"),
            ("/sys/devices/pci0000:00/0000:00:1f.2/ata/host3/target3:0/3:0/block/sda", "ata_piix"),
            ("/sys/devices/pci0000:00/0000:00:1f.2/usb1/block/sda", "xhci_hcd"),
            ("/sys/devices/pci0000:00/0000:00:1f.2", "e1000"),
            ("/sys/devices/pci0000:00/0000:00:xx.2/block/vda", "virtio-pci"),
            ("/sys/devices/pci0000:00", "virtio-pci"),
            ("/sys/devices/virtual/block/loop0", "virtio-pci"),
            ("/sys/devices/css0/0.0/block/dasda", ""),
            ("", ""),
        ] {
            assert_eq!(located(device, "1f.2", name, &[4]), None, "{device}");
        }
    }

    #[test]
    fn disks_on_no_pci_bus_have_an_address_too() {
        let mmio = located("/sys/devices/platform/LNRO0005:00/virtio0/block/vda", "?", "", &[]).unwrap();
        assert_eq!((mmio.bus_type, mmio.pci_controller), (BusType::Virtio, pci(0, 0, 0)));
        let scsi = "/sys/devices/css0/0.0.0002/0.0.0100/virtio0/host0/target0:0:5/0:0:5:1/block/sda";
        let scsi = located(scsi, "?", "", &[]).unwrap();
        assert_eq!((scsi.bus_type, scsi.target, scsi.unit), (BusType::Scsi, 5, 1));
        assert_eq!(scsi.ccw_address, Some(CcwAddress { cssid: 0, ssid: 0, subchno: 2, devno: 0x100 }));
    }

    #[test]
    fn what_is_made_from_nothing_is_nowhere() {
        assert_eq!((places("/sys/devices/virtual/block/none"), slaves("/none")), (vec![], Vec::<String>::new()));
        assert_eq!(of_btrfs("/none"), ["/none"]);
    }
}
