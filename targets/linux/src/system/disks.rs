//! `disk`: disks and partitions from sysfs, their counters from procfs.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nanoqga::Failure;
use nanoqga::commands::disk::{BusType, Disk, DiskCounters, DiskStatistics, Disks, NvmeSmart};

use super::Guest;
use super::block::{Place, is_virtual, node, property, slaves};
use super::errno::failed;
use super::listing::Listing;
use super::nvme;
use super::system::{names, read_line, read_text, real_path};

const DISKS: &str = "/sys/block";

/// What was listed last.
#[derive(Debug, Default)]
pub struct Lists {
    disks: Listing<Gathered>,
    statistics: Listing<(String, DiskStatistics<'static>)>,
}

/// A disk or partition with all that is told of it.
#[derive(Debug)]
struct Gathered {
    name: String,
    partition: bool,
    alias: Option<String>,
    place: Option<Place>,
    dependencies: Vec<String>,
    smart: Option<NvmeSmart>,
}

impl Disks for Guest {
    fn disk(&mut self, index: usize) -> Result<Option<Disk<'_>>, Failure> {
        let disk = self.disks.disks.element(index, disks)?;
        Ok(disk.map(|disk| Disk {
            name: &disk.name,
            partition: disk.partition,
            alias: disk.alias.as_deref(),
            address: disk.place.as_ref().map(Place::address),
        }))
    }

    fn dependency(&mut self, disk: usize, index: usize) -> Option<&str> {
        self.disks.disks.again(disk)?.dependencies.get(index).map(String::as_str)
    }

    fn smart(&mut self, disk: usize) -> Option<NvmeSmart> {
        self.disks.disks.again(disk)?.smart
    }

    fn disk_statistics(&mut self, index: usize) -> Result<Option<DiskStatistics<'_>>, Failure> {
        let gather = || {
            let text = read_text("/proc/diskstats").map_err(|error| failed("open(\"/proc/diskstats\")", error))?;
            Ok(text.lines().filter_map(statistics).collect())
        };
        let found = self.disks.statistics.element(index, gather)?;
        Ok(found.map(|(name, statistics)| DiskStatistics { name, ..*statistics }))
    }
}

/// All disks that have a size, each followed by its partitions.
fn disks() -> Result<Vec<Gathered>, Failure> {
    let names = names(DISKS).map_err(|error| failed("Can't open directory \"/sys/block\"", error))?;
    let mut found = Vec::new();
    for name in names {
        let Ok(device) = real_path(&format!("{DISKS}/{name}")) else { continue };
        if read_line(&format!("{device}/size")).is_none_or(|size| size == "0") {
            continue;
        }
        let Some(disk) = disk(&device) else { continue };
        let partitions: Vec<_> = partitions(&device, &name, &disk.name).collect();
        found.push(disk);
        found.extend(partitions);
    }
    Ok(found)
}

fn disk(device: &str) -> Option<Gathered> {
    let name = node(device)?;
    let place = if is_virtual(device) { None } else { Place::of(device) };
    let is_nvme = place.as_ref().is_some_and(|place| place.address().bus_type == BusType::Nvme);
    Some(Gathered {
        smart: if is_nvme { nvme::smart(&name) } else { None },
        name,
        partition: false,
        alias: property(device, "DM_NAME").or_else(|| read_line(&format!("{device}/dm/name"))),
        place,
        dependencies: slaves(device).iter().filter_map(|slave| node(slave)).collect(),
    })
}

/// The partitions of the disk whose directory is called `name`: theirs begin with that.
fn partitions(device: &str, name: &str, disk: &str) -> impl Iterator<Item = Gathered> {
    let names = names(device).unwrap_or_default();
    names.into_iter().filter_map(move |partition| {
        partition.strip_prefix(name)?;
        let directory = format!("{device}/{partition}");
        read_line(&format!("{directory}/partition"))?;
        Some(Gathered {
            name: node(&directory)?,
            partition: true,
            alias: None,
            place: None,
            dependencies: Vec::from([disk.to_string()]),
            smart: None,
        })
    })
}

/// A line of `/proc/diskstats` (Linux, admin-guide/iostats.rst). Kernels before 4.18 and 5.5 have shorter lines, and so had
/// partitions before 2.6.25.
pub(super) fn statistics(line: &str) -> Option<(String, DiskStatistics<'static>)> {
    let mut words = line.split_ascii_whitespace();
    let major = words.next()?.parse().ok()?;
    let minor = words.next()?.parse().ok()?;
    let name = words.next()?;
    let counters: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
    let at = |index: usize| counters.get(index).copied();
    let stats = match counters.len() {
        0..4 => return None,
        4 => DiskCounters {
            read_ios: at(0),
            read_sectors: at(1),
            write_ios: at(2),
            write_sectors: at(3),
            ..DiskCounters::default()
        },
        _ => DiskCounters {
            read_ios: at(0),
            read_merges: at(1),
            read_sectors: at(2),
            read_ticks: at(3),
            write_ios: at(4),
            write_merges: at(5),
            write_sectors: at(6),
            write_ticks: at(7),
            ios_pgr: at(8),
            total_ticks: at(9),
            weight_ticks: at(10),
            discard_ios: at(11),
            discard_merges: at(12),
            discard_sectors: at(13),
            discard_ticks: at(14),
            flush_ios: at(15),
            flush_ticks: at(16),
        },
    };
    Some((name.to_string(), DiskStatistics { name: "", major, minor, stats }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_lines_of_every_kernel() {
        let (name, new) = statistics(" 254       0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17").unwrap();
        assert_eq!((name.as_str(), new.major, new.minor), ("vda", 254, 0));
        let DiskCounters { read_ios, read_sectors, write_ticks, ios_pgr, weight_ticks, .. } = new.stats;
        assert_eq!((read_ios, read_sectors, write_ticks), (Some(1), Some(3), Some(8)));
        assert_eq!((ios_pgr, weight_ticks), (Some(9), Some(11)));
        let DiskCounters { discard_ios, discard_ticks, flush_ios, flush_ticks, .. } = new.stats;
        assert_eq!((discard_ios, discard_ticks, flush_ios, flush_ticks), (Some(12), Some(15), Some(16), Some(17)));

        let (_, old) = statistics("8 1 sda1 1 2 3 4 5 6 7 8 9 10 11").unwrap();
        assert_eq!((old.stats.weight_ticks, old.stats.discard_ios), (Some(11), None));
        let (_, oldest) = statistics("8 1 sda1 1 2 3 4").unwrap();
        assert_eq!((oldest.stats.read_sectors, oldest.stats.write_sectors), (Some(2), Some(4)));
        assert_eq!((oldest.stats.read_merges, oldest.stats.ios_pgr), (None, None));
        for other in ["", "8", "8 1 sda", "8 1 sda 1 2 3", "x 1 sda 1 2 3 4", "8 1 sda 1 -2 3 4 5"] {
            assert_eq!(statistics(other), None, "{other}");
        }
    }
}
