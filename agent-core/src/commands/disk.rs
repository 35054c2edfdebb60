//! `guest-get-disks` and `guest-get-diskstats`.

use serde::Serialize;

use super::parts::{list_in_parts, list_member};
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Full, Reply, Step};

/// A disk or a partition of one: QEMU's `GuestDiskInfo` without its lists and SMART data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Disk<'a> {
    /// The device's name, such as `/dev/vda1`.
    pub name: &'a str,
    /// Whether it is a partition.
    pub partition: bool,
    /// Another name for it, such as that of a volume.
    pub alias: Option<&'a str>,
}

/// Where a disk is, for a host to know it by: QEMU's `GuestDiskAddress`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiskAddress<'a> {
    /// The disk's controller. Clients need one: zeros for a disk that is on no PCI bus.
    pub pci_controller: PciAddress,
    /// How the disk is attached.
    pub bus_type: BusType,
    /// The bus of the controller.
    pub bus: u32,
    /// The target on the bus.
    pub target: u32,
    /// The unit of the target.
    pub unit: u32,
    /// The disk's serial number.
    pub serial: Option<&'a str>,
    /// The device's name.
    pub dev: Option<&'a str>,
    /// The disk's address on an s390x channel.
    pub ccw_address: Option<CcwAddress>,
}

/// QEMU's `GuestPCIAddress`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PciAddress {
    /// The segment.
    pub domain: u32,
    /// The bus in the segment.
    pub bus: u8,
    /// The device on the bus, at most 31.
    pub slot: u8,
    /// The function of the device, at most 7.
    pub function: u8,
}

/// QEMU's `GuestCCWAddress`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CcwAddress {
    /// The channel subsystem image.
    pub cssid: u32,
    /// The subchannel set.
    pub ssid: u32,
    /// The subchannel.
    pub subchno: u32,
    /// The device.
    pub devno: u32,
}

/// QEMU's `GuestDiskBusType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say all")]
pub enum BusType {
    Ide,
    Fdc,
    Scsi,
    Virtio,
    Xen,
    Usb,
    Uml,
    Sata,
    Sd,
    #[default]
    Unknown,
    Ieee1394,
    Ssa,
    Fibre,
    Raid,
    Iscsi,
    Sas,
    Mmc,
    Virtual,
    FileBackedVirtual,
    Nvme,
}

/// What an NVMe disk tells of its health: its SMART log (NVMe base specification, log page 02h), QEMU's `GuestNVMeSmart`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "nvme", rename_all = "kebab-case")]
pub struct NvmeSmart {
    /// A bit per kind of trouble.
    pub critical_warning: u8,
    /// In kelvin.
    pub temperature: u16,
    /// Spare capacity left, in percent.
    pub available_spare: u8,
    /// Where too little is left, in percent.
    pub available_spare_threshold: u8,
    /// How much of its life the disk has behind it, in percent; it may be over 100.
    pub percentage_used: u8,
    /// The log's 128-bit counters.
    #[serde(skip)]
    pub counters: NvmeCounters,
}

/// The counters of [`NvmeSmart`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NvmeCounters {
    /// Read by the host, in units of 1000 blocks of 512 bytes.
    pub data_units_read: u128,
    /// Written by the host, in the same units.
    pub data_units_written: u128,
    /// Read commands.
    pub host_read_commands: u128,
    /// Write commands.
    pub host_write_commands: u128,
    /// In minutes.
    pub controller_busy_time: u128,
    /// How often the disk was powered on.
    pub power_cycles: u128,
    /// How long it was.
    pub power_on_hours: u128,
    /// How often it lost power without a warning.
    pub unsafe_shutdowns: u128,
    /// Data that could not be read back.
    pub media_errors: u128,
    /// Errors that the disk ever logged.
    pub number_of_error_log_entries: u128,
}

impl NvmeCounters {
    /// With the names that the halves of each begin with.
    const fn named(&self) -> [(&'static str, u128); 10] {
        [
            ("data-units-read", self.data_units_read),
            ("data-units-written", self.data_units_written),
            ("host-read-commands", self.host_read_commands),
            ("host-write-commands", self.host_write_commands),
            ("controller-busy-time", self.controller_busy_time),
            ("power-cycles", self.power_cycles),
            ("power-on-hours", self.power_on_hours),
            ("unsafe-shutdowns", self.unsafe_shutdowns),
            ("media-errors", self.media_errors),
            ("number-of-error-log-entries", self.number_of_error_log_entries),
        ]
    }
}

/// What a disk has done since it was found: QEMU's `GuestDiskStatsInfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiskStatistics<'a> {
    /// The device's name, without `/dev/`.
    pub name: &'a str,
    /// The device's major number.
    pub major: u64,
    /// The device's minor number.
    pub minor: u64,
    /// The counters.
    pub stats: DiskCounters,
}

/// QEMU's `GuestDiskStats`. Sectors are of 512 bytes, ticks are milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiskCounters {
    /// Sectors read.
    pub read_sectors: Option<u64>,
    /// Reads completed.
    pub read_ios: Option<u64>,
    /// Reads that went with another.
    pub read_merges: Option<u64>,
    /// Sectors written.
    pub write_sectors: Option<u64>,
    /// Writes completed.
    pub write_ios: Option<u64>,
    /// Writes that went with another.
    pub write_merges: Option<u64>,
    /// Sectors discarded.
    pub discard_sectors: Option<u64>,
    /// Discards completed.
    pub discard_ios: Option<u64>,
    /// Discards that went with another.
    pub discard_merges: Option<u64>,
    /// Flushes completed.
    pub flush_ios: Option<u64>,
    /// Time spent reading.
    pub read_ticks: Option<u64>,
    /// Time spent writing.
    pub write_ticks: Option<u64>,
    /// Time spent discarding.
    pub discard_ticks: Option<u64>,
    /// Time spent flushing.
    pub flush_ticks: Option<u64>,
    /// Requests in progress.
    pub ios_pgr: Option<u64>,
    /// Time with a request or more in progress.
    pub total_ticks: Option<u64>,
    /// The same, each request counted for itself.
    pub weight_ticks: Option<u64>,
}

/// What `guest-get-disks` needs of its guest.
pub trait Disks {
    /// The `index`-th disk or partition, if there are as many.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn disk(&mut self, index: usize) -> Result<Option<Disk<'_>>, Failure>;

    /// The address of the `disk`-th disk, which was asked for last.
    fn address(&mut self, disk: usize) -> Option<DiskAddress<'_>> {
        let _ = disk;
        None
    }

    /// The name of the `index`-th disk that the `disk`-th is made from.
    fn dependency(&mut self, disk: usize, index: usize) -> Option<&str> {
        let _ = (disk, index);
        None
    }

    /// The health of the `disk`-th disk, if it is an NVMe disk.
    fn smart(&mut self, disk: usize) -> Option<NvmeSmart> {
        let _ = disk;
        None
    }
}

/// What `guest-get-diskstats` needs of its guest.
pub trait DisksStatistics {
    /// The counters of the `index`-th disk or partition that has some.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn disk_statistics(&mut self, index: usize) -> Result<Option<DiskStatistics<'_>>, Failure>;
}

/// `guest-get-disks`.
#[must_use]
pub const fn commands<G: Disks>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-disks", disks)] }
}

/// `guest-get-diskstats`.
#[must_use]
pub const fn statistics_commands<G: DisksStatistics>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-diskstats", statistics).packed()] }
}

/// Tells the disks and their partitions.
///
/// Returns a list: of each its `name`, whether it is a `partition`, the names of those that it is made of in `dependencies`, and where
/// they are known an `alias`, its `address` (the controller's `pci-controller`, `bus-type`, `bus`, `target`, `unit`, `serial`, `dev`, and
/// on s390x `ccw-address`), and the health of an NVMe disk in `smart`.
fn disks<G: Disks>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    if request.step() == 0 {
        request.arguments().finish()?;
    }
    list_in_parts(guest, request, reply, begin_disk, rest_of_disk)
}

fn begin_disk<G: Disks>(guest: &mut G, disk: usize, reply: &mut Reply<'_>) -> Result<bool, Error> {
    let Some(disk) = guest.disk(disk)? else { return Ok(false) };
    reply.open_with(None, &disk)?;
    Ok(true)
}

/// Address, SMART data, a SMART counter each, a dependency each.
fn rest_of_disk<G: Disks>(guest: &mut G, disk: usize, part: usize, reply: &mut Reply<'_>) -> Option<usize> {
    const COUNTERS: usize = 2;
    const DEPENDENCIES: usize = COUNTERS + 10;
    match part {
        0 => {
            // One that does not fit is left out.
            let _ = reply.member("address", &guest.address(disk));
        }
        1 => {
            let Some(smart) = guest.smart(disk) else { return Some(DEPENDENCIES) };
            if reply.open_with(Some("smart"), &smart).is_err() {
                return Some(DEPENDENCIES);
            }
        }
        COUNTERS..DEPENDENCIES => {
            let counters = guest.smart(disk).unwrap_or_default().counters.named();
            if let Some((name, value)) = counters.get(part - COUNTERS) {
                // Any fresh stage has room for two numbers.
                let _ = add_half(reply, name, "-lo", *value as u64);
                let _ = add_half(reply, name, "-hi", (*value >> 64) as u64);
            }
            if part + 1 == DEPENDENCIES {
                reply.close();
            }
        }
        _ => {
            let index = part - DEPENDENCIES;
            // QEMU has the list for every disk, if only an empty one.
            if !list_member(reply, "dependencies", index, guest.dependency(disk, index)) {
                return None;
            }
        }
    }
    Some(part + 1)
}

fn add_half(reply: &mut Reply<'_>, name: &str, half: &str, value: u64) -> Result<(), Full> {
    let mut member = heapless::String::<48>::new();
    let named = member.push_str(name).and_then(|()| member.push_str(half));
    named.map_err(|_| Full)?;
    reply.member(&member, &value)
}

/// Tells what the disks have done.
///
/// Returns a list: of each its `name`, `major`, `minor`, and its counters in `stats`: sectors of 512 bytes, requests, and
/// milliseconds.
fn statistics<G: DisksStatistics>(
    guest: &mut G,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Step, Error> {
    let step = request.step();
    if step == 0 {
        request.arguments().finish()?;
    }
    reply.element(guest.disk_statistics(step))
}
