//! The appliance on vsock beside the same guest's virtio-serial port.
//!
//! vhost-device-vsock handles the queues in a process of its own, as QEMU does for the port in its own. Both processes' time counts for both
//! channels.

use anyhow::{Context, Result};
use nanoqga_testkit::deadline::soon;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::vsock::SocketDevice;

use super::awake::Awake;
use super::contender::{Contender, GuestFiles};
use super::exchange::{PING, read_file, round_trips, write_file};
use super::measures::blank;
use super::results::{Measure, Ratio};
use super::statistics::{percentiles, quotients};
use super::talks::PIECE;
use super::usage::microseconds;
use crate::setup;

const CID: u32 = 42;
const PORT: u32 = 1234;

const TURNS: usize = 31;
const ROUND_TRIPS: usize = 100;
/// At the root of the volume that is kept in memory.
const FILE: &str = "/bench.bin";
const FILE_LENGTH: usize = 1 << 20;

/// What is measured over vsock, the same over the port, and the name of the first beside the second: quotients of the figures.
const BESIDE: [[&str; 3]; 4] = [
    ["vsock-p50", "port-p50", "vsock-p50/appliance-in-port"],
    ["vsock-cpu", "port-cpu", "vsock-cpu/appliance-in-port"],
    ["vsock-read", "port-read", "vsock-read/appliance-in-port"],
    ["vsock-read-cpu", "port-read-cpu", "vsock-read-cpu/appliance-in-port"],
];

/// The names of the ratios that only these measures have.
pub(super) const RATIOS: [&str; 4] = [BESIDE[0][2], BESIDE[1][2], BESIDE[2][2], BESIDE[3][2]];

/// Round trips, in microseconds, and a file that is read, in MB/s; and the processor time of a round trip and of a MB, in microseconds.
pub(super) fn measure(files: &GuestFiles, machine: &'static Machine) -> Result<Vec<Measure>> {
    let device = SocketDevice::start(&setup::vsock()?, &[CID], soon())?;
    let mut config = files.config(Contender::Appliance, machine, 0)?;
    config.append = format!("agent=vsock:{PORT}");
    device.attach(&mut config, CID);
    let mut guest = Guest::start(&config)?;
    guest.console_shows(&format!("context ID {CID}"), soon())?;
    let over_vsock = device.connect(CID, PORT, soon().limit())?.context("the guest refuses a host on vsock")?;
    let over_port = guest.connect(soon())?.into_stream()?;
    // In the order of the columns of BESIDE.
    let mut channels = [Awake::over(over_vsock)?, Awake::over(over_port)?];
    write_file(&mut channels[0], FILE, FILE_LENGTH, PIECE)?;

    let mut measures = BESIDE.map(|[vsock, port, _]| [blank(vsock), blank(port)]);
    for _ in 0..TURNS {
        for (side, agent) in channels.iter_mut().enumerate() {
            let mut note = |row: usize, figure: f64| measures[row][side].add(Contender::Appliance, figure);
            let (used, times) = both(&guest, &device, || round_trips(agent, PING, ROUND_TRIPS))?;
            note(0, percentiles(&times, [50.0]).context("there are round trips")?[0] * 1e6);
            note(1, used / ROUND_TRIPS as f64);
            let length = FILE_LENGTH / PIECE * PIECE;
            let (used, rate) = both(&guest, &device, || read_file(agent, FILE, length, PIECE))?;
            note(2, rate / 1e6);
            note(3, used / (length as f64 / 1e6));
        }
    }
    Ok(measures.into_iter().flatten().collect())
}

/// Microseconds of processor time that QEMU and the socket device use for `work`, and what that returns.
fn both<T>(guest: &Guest, device: &SocketDevice, work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let (of_qemu, (of_device, value)) = microseconds(guest.pid(), || microseconds(device.pid(), work))?;
    Ok((of_qemu + of_device, value))
}

/// What a figure of vsock is beside that of the port.
pub(super) fn ratios(measures: &[Measure]) -> Vec<Ratio> {
    let samples = |name: &str| {
        let measure = measures.iter().find(|measure| measure.name == name)?;
        measure.figure(Contender::Appliance).map(|figure| &figure.samples[..])
    };
    let ratio = |[vsock, port, name]: [&str; 3]| {
        let spread = quotients(samples(vsock)?, samples(port)?)?;
        Some(Ratio { name: name.into(), measure: vsock.into(), sides: vec![Contender::Appliance], spread })
    };
    BESIDE.into_iter().filter_map(ratio).collect()
}
