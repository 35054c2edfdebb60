//! What is measured of guests and of processes: names, titles and units.

use super::contender::Contender;
use super::results::Measure;

/// A measure that is still to be taken.
#[derive(Debug)]
struct Definition {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    less_is_better: bool,
    is_count: bool,
}

const fn less(name: &'static str, title: &'static str, unit: &'static str) -> Definition {
    Definition { name, title, unit, less_is_better: true, is_count: false }
}

const fn more(name: &'static str, title: &'static str, unit: &'static str) -> Definition {
    Definition { name, title, unit, less_is_better: false, is_count: false }
}

const fn count(name: &'static str, title: &'static str, unit: &'static str) -> Definition {
    Definition { name, title, unit, less_is_better: true, is_count: true }
}

/// In the order of the tables.
static DEFINITIONS: [Definition; 54] = [
    less("first-reply", "power-on to first reply, q35", "ms"),
    less("first-reply-microvm", "power-on to first reply, microvm", "ms"),
    count("boot-blocks", "blocks of code before the first reply, q35", "blocks"),
    count("boot-blocks-microvm", "blocks of code before the first reply, microvm", "blocks"),
    less("ping-p50", "guest-ping, p50", "µs"),
    less("ping-p99", "guest-ping, p99", "µs"),
    less("info-p50", "guest-info, p50", "µs"),
    less("info-p99", "guest-info, p99", "µs"),
    less("osinfo-p50", "guest-get-osinfo, p50", "µs"),
    less("osinfo-p99", "guest-get-osinfo, p99", "µs"),
    less("interfaces-p50", "guest-network-get-interfaces, p50", "µs"),
    less("interfaces-p99", "guest-network-get-interfaces, p99", "µs"),
    more("pipelined", "guest-pings that do not wait", "1/s"),
    more("file-read", "guest-file-read, 48 KiB each", "MB/s"),
    more("file-write", "guest-file-write, 48 KiB each", "MB/s"),
    more("file-read-64m", "guest-file-read of 64 MiB on a disk, 48 KiB each", "MB/s"),
    more("file-random", "guest-file-seek and -read of 4 KiB anywhere in it", "1/s"),
    more("line-write", "guest-file-write of 60 KiB over a serial line", "MB/s"),
    count("slow-disk-cpu", "guest-file-read on a disk of 10 requests a second, host CPU", "ms/MiB"),
    less("line-cpu", "guest-file-write over a serial line, host CPU", "µs/KiB"),
    count("ping-accesses", "guest-ping: accesses to registers of devices", "each"),
    count("ping-notifications", "guest-ping: notifications of virtqueues", "each"),
    count("ping-interrupts", "guest-ping: interrupts of virtio devices", "each"),
    less("ping-cpu", "guest-ping, host CPU", "µs"),
    less("ping-alone-cpu", "guest-ping, host CPU without QEMU's eventfds", "µs"),
    less("vsock-p50", "guest-ping over vsock, p50", "µs"),
    less("port-p50", "guest-ping over a port beside vsock, p50", "µs"),
    less("vsock-cpu", "guest-ping over vsock, host CPU", "µs"),
    less("port-cpu", "guest-ping over a port beside vsock, host CPU", "µs"),
    more("vsock-read", "guest-file-read over vsock, 48 KiB each", "MB/s"),
    more("port-read", "guest-file-read over a port beside vsock, 48 KiB each", "MB/s"),
    less("vsock-read-cpu", "guest-file-read over vsock, host CPU", "µs/MB"),
    less("port-read-cpu", "guest-file-read over a port beside vsock, host CPU", "µs/MB"),
    less("info-cpu", "guest-info, host CPU", "µs"),
    less("osinfo-cpu", "guest-get-osinfo, host CPU", "µs"),
    less("interfaces-cpu", "guest-network-get-interfaces, host CPU", "µs"),
    less("pipelined-cpu", "guest-ping that does not wait, host CPU", "µs"),
    less("idle-cpu", "host CPU when idle", "% of a core"),
    less("image", "files to boot", "KiB"),
    less("memory", "resident memory of QEMU, 128 MiB guest", "MiB"),
    less("smallest-ram", "smallest memory that answers, q35", "MiB"),
    less("linux-ping-cpu", "process: CPU for guest-ping", "µs"),
    less("linux-info-cpu", "process: CPU for guest-info", "µs"),
    less("linux-osinfo-cpu", "process: CPU for guest-get-osinfo", "µs"),
    less("linux-interfaces-cpu", "process: CPU for guest-network-get-interfaces", "µs"),
    less("linux-fsinfo-cpu", "process: CPU for guest-get-fsinfo", "µs"),
    less("linux-disks-cpu", "process: CPU for guest-get-disks", "µs"),
    less("linux-vcpus-cpu", "process: CPU for guest-get-vcpus", "µs"),
    less("linux-users-cpu", "process: CPU for guest-get-users", "µs"),
    less("linux-routes-cpu", "process: CPU for guest-network-get-route", "µs"),
    less("linux-pipelined-cpu", "process: CPU for a guest-ping that does not wait", "µs"),
    less("linux-read-cpu", "process: CPU for guest-file-read, 48 KiB each", "µs/MB"),
    less("linux-memory", "process: resident memory after 10,000 commands", "KiB"),
    less("linux-program", "process: the program, without libraries", "KiB"),
];

/// The commands that are measured, and their short names in the names of measures.
pub(super) static COMMANDS: [(&str, &str); 4] = [
    ("guest-ping", "ping"),
    ("guest-info", "info"),
    ("guest-get-osinfo", "osinfo"),
    ("guest-network-get-interfaces", "interfaces"),
];

/// What is measured of processes besides: what Linux has lists of.
pub(super) static LISTINGS: [(&str, &str); 5] = [
    ("guest-get-fsinfo", "fsinfo"),
    ("guest-get-disks", "disks"),
    ("guest-get-vcpus", "vcpus"),
    ("guest-get-users", "users"),
    ("guest-network-get-route", "routes"),
];

/// The measure called `name`, without figures. A name that no table has is a mistake in this program.
pub(super) fn blank(name: &str) -> Measure {
    let found = DEFINITIONS.iter().find(|definition| definition.name == name);
    let Definition { name, title, unit, less_is_better, is_count } =
        found.unwrap_or_else(|| panic!("no measure is called {name}"));
    Measure {
        name: (*name).into(),
        title: (*title).into(),
        unit: (*unit).into(),
        less_is_better: *less_is_better,
        is_count: *is_count,
        figures: Vec::new(),
    }
}

/// Puts measures into the tables' order.
pub(super) fn in_order(measures: &mut [Measure]) {
    measures.sort_by_key(|measure| DEFINITIONS.iter().position(|definition| definition.name == measure.name));
}

/// The names of all ratios that a whole run gives.
pub(super) fn ratio_names() -> impl Iterator<Item = String> {
    let sides = || Contender::ALL.into_iter().filter(|contender| *contender != Contender::REFERENCE);
    DEFINITIONS.iter().flat_map(move |measure| sides().map(move |side| format!("{}/{}", measure.name, side.name())))
}
