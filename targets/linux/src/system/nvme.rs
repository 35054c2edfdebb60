//! The health of an NVMe disk: its SMART log (NVMe base specification 2.0, 5.16.1.3), through the kernel's passthrough.

use nanoqga::commands::disk::{NvmeCounters, NvmeSmart};
use rustix::fs::{Mode, OFlags, open};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// `struct nvme_admin_cmd` of `linux/nvme_ioctl.h`.
#[repr(C)]
#[derive(Debug, Default)]
struct AdminCommand {
    opcode: u8,
    flags: u8,
    reserved: u16,
    namespace: u32,
    words_2_3: [u32; 2],
    metadata: u64,
    address: u64,
    metadata_length: u32,
    length: u32,
    word_10: u32,
    words_11_to_15: [u32; 5],
    timeout: u32,
    result: u32,
}

const ADMIN: Opcode = opcode::read_write::<AdminCommand>(b'N', 0x41);

const GET_LOG_PAGE: u8 = 2;
const EVERY_NAMESPACE: u32 = u32::MAX;
const SMART: u32 = 2;
/// Leaves the event that the log may be about as it is.
const RETAIN: u32 = 1 << 15;
const LOG: usize = 512;

/// The health of the disk at `path`, if it tells.
pub fn smart(path: &str) -> Option<NvmeSmart> {
    let disk = open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()).ok()?;
    let mut log = [0u8; LOG];
    let mut command = AdminCommand {
        opcode: GET_LOG_PAGE,
        namespace: EVERY_NAMESPACE,
        address: log.as_mut_ptr().expose_provenance() as u64,
        length: LOG as u32,
        word_10: SMART | RETAIN | (LOG as u32 / 4 - 1) << 16,
        ..AdminCommand::default()
    };
    // SAFETY: the call updates a struct nvme_admin_cmd, which this is, and writes as many bytes to its address as it says,
    // which is as many as the log has; that lives longer than the call.
    unsafe { ioctl(disk, Updater::<ADMIN, AdminCommand>::new(&mut command)) }.ok()?;
    parse(&log)
}

/// The log, all of whose numbers are little-endian.
fn parse(log: &[u8; LOG]) -> Option<NvmeSmart> {
    let &[critical_warning, low, high, available_spare, available_spare_threshold, percentage_used, ..] = log;
    let mut counters = log.get(32..)?.as_chunks().0.iter().map(|bytes| u128::from_le_bytes(*bytes));
    Some(NvmeSmart {
        critical_warning,
        temperature: u16::from_le_bytes([low, high]),
        available_spare,
        available_spare_threshold,
        percentage_used,
        counters: NvmeCounters {
            data_units_read: counters.next()?,
            data_units_written: counters.next()?,
            host_read_commands: counters.next()?,
            host_write_commands: counters.next()?,
            controller_busy_time: counters.next()?,
            power_cycles: counters.next()?,
            power_on_hours: counters.next()?,
            unsafe_shutdowns: counters.next()?,
            media_errors: counters.next()?,
            number_of_error_log_entries: counters.next()?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_as_large_as_the_kernels() {
        assert_eq!((size_of::<AdminCommand>(), ADMIN), (72, 0xC048_4E41));
    }

    #[test]
    fn the_log_is_read_at_the_places_of_the_specification() {
        let mut log = [0; LOG];
        (log[0], log[1], log[2], log[3], log[4], log[5]) = (4, 0x2C, 0x01, 100, 10, 3);
        (log[32], log[47], log[48]) = (7, 1, 8);
        log[176] = 9;
        let smart = parse(&log).unwrap();
        assert_eq!((smart.critical_warning, smart.temperature, smart.percentage_used), (4, 300, 3));
        assert_eq!((smart.available_spare, smart.available_spare_threshold), (100, 10));
        assert_eq!(smart.counters.data_units_read, 7 | 1 << 120);
        assert_eq!((smart.counters.data_units_written, smart.counters.number_of_error_log_entries), (8, 9));
        assert_eq!(smart.counters.media_errors, 0);
    }
}
