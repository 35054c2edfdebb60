//! Disks and partitions in sysfs, their counters in procfs.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nanoqga::Failure;
use nanoqga::commands::disk::{BusType, DiskCounters, DiskStatistics, NvmeSmart};

use super::block::{Device, Place, node, slaves};
use super::errno::failed;
use super::files::{linked, names, read_line, read_text};
use super::nvme;

const DISKS: &str = "/sys/block";

/// A disk or partition with all that is told of it.
#[derive(Debug)]
pub struct Disk {
    pub name: String,
    pub partition: bool,
    pub alias: Option<String>,
    pub place: Option<Place>,
    /// What it is made from, by the paths of their nodes.
    pub dependencies: Vec<String>,
    pub smart: Option<NvmeSmart>,
}

/// All disks that have a size, each followed by its partitions.
pub fn all() -> Result<Vec<Disk>, Failure> {
    let names = names(DISKS).map_err(|error| failed("Can't open directory \"/sys/block\"", error))?;
    let table = read_text("/proc/partitions").map_err(|error| failed("open(\"/proc/partitions\")", error))?;
    let sized = sized(&table);
    let mut found = Vec::new();
    for name in names.iter().filter(|name| sized.binary_search(name).is_ok()) {
        let Ok(device) = linked(DISKS, name).map(Device::at) else { continue };
        let Some(disk) = disk(&device) else { continue };
        let partitions: Vec<_> = partitions(&sized, &device, name, &disk.name).collect();
        found.push(disk);
        found.extend(partitions);
    }
    Ok(found)
}

fn disk(device: &Device) -> Option<Disk> {
    let name = device.node()?;
    let place = if device.is_virtual() { None } else { Place::of(device) };
    let is_nvme = place.as_ref().is_some_and(|place| place.address().bus_type == BusType::Nvme);
    Some(Disk {
        smart: if is_nvme { nvme::smart(&name) } else { None },
        name,
        partition: false,
        alias: device.alias(),
        place,
        dependencies: slaves(device.path()).iter().filter_map(|slave| node(slave)).collect(),
    })
}

/// The names in `/proc/partitions`, as sysfs has them, in order: of all disks and partitions that have a size.
pub fn sized(table: &str) -> Vec<String> {
    // Behind a heading and an empty line.
    let names = table.lines().skip(2).filter_map(|line| line.split_ascii_whitespace().nth(3));
    let mut names: Vec<_> = names.map(|name| name.replace('/', "!")).collect();
    names.sort_unstable();
    names
}

/// The partitions of the disk whose directory is called `name`: theirs begin with that, and other disks' may, too.
fn partitions(sized: &[String], device: &Device, name: &str, disk: &str) -> impl Iterator<Item = Disk> {
    let start = sized.partition_point(|other| other.as_str() <= name);
    let names = sized.get(start..).unwrap_or_default().iter().take_while(move |other| other.starts_with(name));
    names.filter_map(move |partition| {
        let directory = format!("{}/{partition}", device.path());
        read_line(&format!("{directory}/partition"))?;
        Some(Disk {
            name: node(&directory)?,
            partition: true,
            alias: None,
            place: None,
            dependencies: Vec::from([disk.to_string()]),
            smart: None,
        })
    })
}

/// The counters of all disks and partitions, each with its name.
pub fn all_statistics() -> Result<Vec<(String, DiskStatistics<'static>)>, Failure> {
    let text = read_text("/proc/diskstats").map_err(|error| failed("open(\"/proc/diskstats\")", error))?;
    Ok(text.lines().filter_map(statistics).collect())
}

/// A line of `/proc/diskstats` (Linux, admin-guide/iostats.rst). Kernels before 4.18 and 5.5 have shorter lines, and so had
/// partitions before 2.6.25.
pub fn statistics(line: &str) -> Option<(String, DiskStatistics<'static>)> {
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
    fn the_table_of_partitions_names_what_has_a_size() {
        let table = "major minor  #blocks  name\n\n 254        0  268435456 vda\n 104 1 5 cciss/c0d0\n 8 0 1 sda\n";
        assert_eq!(sized(table), ["cciss!c0d0", "sda", "vda"]);
        assert_eq!(sized(""), Vec::<String>::new());
    }

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
