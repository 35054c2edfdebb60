//! A driver for virtio SCSI hosts (virtio 1.2, section 5.6) and the disks that are units of their targets.
//!
//! Nothing that a host says is taken for more than it is: lengths are limited by what was asked for, and what is not a disk or a CD
//! with blocks of a usual size is left alone. A unit's attention conditions are what it says first after it came or was reset, so a
//! command that meets one is given again.

mod command;

use core::fmt;
use core::mem;

use heapless::Vec;
use virtio_drivers::Hal;
use virtio_drivers::transport::{DeviceStatus, Transport};

pub use self::command::Address;
use self::command::{BLOCK_LIMITS, Cdb, ILLEGAL_REQUEST, UNIT_ATTENTION, sense_in_words, sense_key};
use crate::exchange::{AnswerIs, CHAIN, Data, Exchange, SPARE, SPARES, agree, give_up};
use crate::virtio_blk::{BLOCK, MAX_TRANSFER, SECTOR, Statistics, Unusable, aligned};
use crate::virtqueue::VirtQueue;

// Queues (5.6.2).
const CONTROL: u16 = 0;
const EVENTS: u16 = 1;
const REQUESTS: u16 = 2;

/// Feature bit: the device reports units that come and leave (5.6.3).
const HOTPLUG: u64 = 1 << 1;

// Offsets in the device's configuration (5.6.4), in bytes.
const MAX_SECTORS: usize = 8;
const MAX_TARGET: usize = 30;

// Sizes and offsets in a request (5.6.6.1), in bytes, of which the sizes of a command and of sense data are what a reset sets.
const HEADER: usize = 51;
const CDB: usize = 19;
const ANSWER: usize = 108;
const RESIDUAL: usize = 4;
const STATUS: usize = 10;
const RESPONSE: usize = 11;
const SENSE: usize = 12;

// Responses (5.6.6.1), and statuses of SCSI (SAM-5, 5.3.1).
const OK: u8 = 0;
const BAD_TARGET: u8 = 3;
const RESET: u8 = 4;
const DEVICE_BUSY: u8 = 5;
const GOOD: u8 = 0;
const CHECK_CONDITION: u8 = 0x02;
const BUSY: u8 = 0x08;
const RESERVED: u8 = 0x18;
const TASK_SET_FULL: u8 = 0x28;
/// No device writes this.
const UNANSWERED: u8 = 0xff;

/// How often a command is given that meets an attention condition, or a unit that is busy.
const ATTEMPTS: usize = 8;
/// How many units of a target are found.
const MAX_UNITS: usize = 64;
const _: () = assert!(SPARE == 16, "the size of an event (5.6.6.3)");
/// Largest size of a serial number, in bytes.
pub const SERIAL_BYTES: usize = 36;

// Peripheral device types (SPC-4, 6.6.2), and what says that there is no such unit.
const DISK: u8 = 0;
const CD: u8 = 5;

/// A unit that is a disk or a CD.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    address: Address,
    sectors: u64,
    block: usize,
    is_read_only: bool,
    is_cd: bool,
    statistics: Statistics,
}

impl Unit {
    /// Its place.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Its size, in sectors.
    pub const fn sectors(&self) -> u64 {
        self.sectors
    }

    /// The size of its blocks, in bytes: a power of two from [`SECTOR`] to [`BLOCK`].
    pub const fn logical_block(&self) -> usize {
        self.block
    }

    /// Whether it cannot be written to.
    pub const fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Whether it is a CD.
    pub const fn is_cd(&self) -> bool {
        self.is_cd
    }

    /// The counters.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}

/// Why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such target.
    NoTarget,
    /// The unit has said why, by this sense key (SPC-4, 4.5.6).
    Sense(u8),
    /// The unit is busy, and was so again.
    Busy,
    /// Another machine has reserved the unit.
    Reserved,
    /// That is not on the unit, or not in whole blocks.
    Beyond,
    /// The device failed, did not answer, or is no longer used.
    Device,
}

impl Refusal {
    /// The same in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoTarget => "it is gone",
            Self::Sense(key) => sense_in_words(key),
            Self::Busy => "it is busy",
            Self::Reserved => "it is reserved for another machine",
            Self::Beyond => "there are no such blocks",
            Self::Device => "the controller has failed",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// The queues beside that for requests: for control, and for events. What events say is not read: whichever it is, all units are looked
/// for again.
type Others<H> = [VirtQueue<H>; 2];

/// A virtio SCSI host.
pub struct VirtioScsi<H: Hal, T: Transport> {
    exchange: Exchange<H, T>,
    /// What is there beside the queue for requests. Nothing is asked of the control queue: who waits too long resets the device.
    others: Option<Others<H>>,
    last_target: u8,
}

impl<H: Hal, T: Transport> fmt::Debug for VirtioScsi<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtioScsi").field("last_target", &self.last_target).finish_non_exhaustive()
    }
}

impl<H: Hal, T: Transport> VirtioScsi<H, T> {
    /// Initialises the device. `clock` and `nap` are those of [`VirtioBlk::new`](crate::virtio_blk::VirtioBlk::new).
    ///
    /// # Errors
    /// If the device cannot be used. It has been reset then, unless it does not complete a reset.
    pub fn new(mut transport: T, clock: fn() -> Option<u64>, nap: fn(u64, bool)) -> Result<Self, Unusable> {
        let (queue, others, status) = start(&mut transport)?;
        // Without memory for requests it is reset, and nothing of the queues is used.
        let exchange = Exchange::new(transport, REQUESTS, queue, clock, nap)?;
        let mut scsi = Self { exchange, others: Some(others), last_target: 0 };
        scsi.begin(status);
        Ok(scsi)
    }

    /// Resets the device, before the machine sleeps. All requests fail until [`restart`](Self::restart).
    pub fn stop(&mut self) {
        let (is_reset, others) = (self.exchange.stop(), self.others.take());
        if !is_reset {
            // The device may still write to their memory.
            mem::forget(others);
        }
    }

    /// Initialises the device again, also after a failure or after a reset that the driver did not do.
    ///
    /// # Errors
    /// If the device can no longer be used.
    pub fn restart(&mut self) -> Result<(), Unusable> {
        self.stop();
        let (queue, others, status) = start(&mut self.exchange.transport)?;
        self.exchange.start(queue);
        self.others = Some(others);
        self.begin(status);
        Ok(())
    }

    /// Lends the device the buffers for events, and tells it to begin.
    fn begin(&mut self, status: DeviceStatus) {
        let last_target = self.exchange.transport.read_config_space::<u16>(MAX_TARGET).map_or(0, u16::from_le);
        self.last_target = last_target.min(u8::MAX.into()) as u8;
        (0..SPARES).for_each(|number| self.lend(number));
        self.exchange.transport.set_status(status | DeviceStatus::DRIVER_OK);
        self.exchange.transport.notify(EVENTS);
    }

    /// Lends the device a buffer for an event.
    fn lend(&mut self, number: usize) {
        if let (Some([_, events]), Some(buffer)) = (&mut self.others, self.exchange.spare(number)) {
            // A short queue takes fewer.
            // SAFETY: The memory is not freed before the device is reset, and nobody touches it.
            _ = unsafe { events.add(&[], &mut [buffer]) };
        }
    }

    /// Acknowledges the device's interrupt. Returns whether units may have come, left or changed since this was last asked.
    pub fn take_changes(&mut self) -> bool {
        self.exchange.transport.ack_interrupt();
        let mut any = false;
        for _ in 0..SPARES {
            let Some([_, events]) = self.others.as_mut().filter(|_| self.exchange.is_started()) else { break };
            match events.take() {
                Ok(Some((number, _))) => self.lend(number.into()),
                Ok(None) => break,
                // It breaks the rules of the queue.
                Err(_) => self.stop(),
            }
            any = true;
        }
        if any {
            self.exchange.transport.notify(EVENTS);
        }
        any
    }

    /// Finds the units of all targets, and hands the place of each to `take`.
    pub fn find(&mut self, take: &mut dyn FnMut(&mut Self, Address)) {
        for target in 0..=self.last_target {
            let first = Address { target, unit: 0 };
            let length = 8 * (MAX_UNITS + 1);
            let mut units = Vec::<_, MAX_UNITS>::new();
            match self.command(first, &command::report_luns(length as u32), Data::In(length)) {
                Ok((valid, _)) => units.extend(command::reported(self.data(valid), target).take(MAX_UNITS)),
                // It has one, if any.
                Err(Refusal::Sense(_)) => _ = units.push(first),
                Err(Refusal::Device) => return,
                Err(_) => {}
            }
            for address in units {
                take(self, address);
            }
        }
    }

    /// Looks at a unit. `None` if the target says that there is none.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub fn unit(&mut self, address: Address) -> Result<Option<Unit>, &'static str> {
        let kind = self.ask(address, &command::inquiry(None, 36), 36)?.first().copied();
        let is_cd = match kind.unwrap_or(UNANSWERED) {
            DISK => false,
            CD => true,
            // No unit is there.
            kind if kind >> 5 != 0 => return Ok(None),
            _ => return Err("no driver for its kind"),
        };
        self.ask(address, &command::test_unit_ready(), 0)?;
        let told = self.ask(address, &command::read_capacity_10(), 8)?;
        let told = match command::capacity::<4>(told) {
            Some((None, _)) => command::capacity::<8>(self.ask(address, &command::read_capacity_16(), 32)?),
            told => told,
        };
        let Some((Some(blocks), block)) = told else { return Err("it does not tell its size") };
        if !block.is_power_of_two() || !(SECTOR..=BLOCK).contains(&block) {
            return Err(Unusable::OddBlocks.reason());
        }
        let sectors = blocks.checked_mul((block / SECTOR) as u64).ok_or("it does not tell its size")?;
        // One that does not know the command says so when it is written to.
        let is_protected = |header: &[u8]| header.get(2).is_some_and(|flags| flags & 0x80 != 0);
        let is_read_only = is_cd || self.ask(address, &command::mode_header(), 4).is_ok_and(is_protected);
        Ok(Some(Unit { address, sectors, block, is_read_only, is_cd, statistics: Statistics::default() }))
    }

    /// The answer to a command, of at most `length` bytes.
    fn ask(&mut self, address: Address, cdb: &Cdb, length: usize) -> Result<&[u8], &'static str> {
        let (valid, _) = self.command(address, cdb, Data::In(length)).map_err(Refusal::reason)?;
        Ok(self.data(valid))
    }

    /// A unit's serial number, which ends at the first zero byte.
    ///
    /// # Errors
    /// If the unit does not tell it.
    pub fn serial(&mut self, unit: &Unit) -> Result<[u8; SERIAL_BYTES], Refusal> {
        const PAGE: u8 = 0x80;
        const LENGTH: u8 = 4 + SERIAL_BYTES as u8;
        let page = self.command(unit.address, &command::inquiry(Some(PAGE), LENGTH), Data::In(LENGTH.into()))?;
        let mut serial = [0; SERIAL_BYTES];
        let [_, PAGE, _, length, told @ ..] = self.data(page.0) else { return Err(Refusal::Device) };
        serial.iter_mut().zip(told).take(usize::from(*length)).for_each(|(place, byte)| *place = *byte);
        Ok(serial)
    }

    /// Fills `bytes`, at most [`MAX_TRANSFER`] and whole blocks, with what the unit has from `sector` on.
    ///
    /// # Errors
    /// If the unit fails, or if that is not on it.
    pub fn read(&mut self, unit: &mut Unit, sector: u64, bytes: &mut [u8]) -> Result<(), Refusal> {
        let ns = self.transfer(unit, sector, Data::In(bytes.len()))?;
        self.exchange.copy_data(bytes).ok_or(Refusal::Beyond)?;
        unit.statistics.reads.note(bytes.len(), ns);
        Ok(())
    }

    /// Writes `bytes`, at most [`MAX_TRANSFER`] and whole blocks, from `sector` on. They are on stable storage once
    /// [`flush`](Self::flush) has returned.
    ///
    /// # Errors
    /// If the unit fails, or if that is not on it.
    pub fn write(&mut self, unit: &mut Unit, sector: u64, bytes: &[u8]) -> Result<(), Refusal> {
        let ns = self.transfer(unit, sector, Data::Out(bytes))?;
        unit.statistics.writes.note(bytes.len(), ns);
        Ok(())
    }

    /// Brings everything that was written to stable storage.
    ///
    /// # Errors
    /// If the unit fails.
    pub fn flush(&mut self, unit: &mut Unit) -> Result<(), Refusal> {
        match self.command(unit.address, &command::synchronize_cache(), Data::In(0)) {
            Ok((_, ns)) => unit.statistics.flushes.note(0, ns),
            // It has no cache.
            Err(Refusal::Sense(ILLEGAL_REQUEST)) => {}
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }

    /// Gives `count` sectors and what they hold back to the host, as far as the unit's granularity allows. Returns how many, or `None` if
    /// the unit does not support that.
    ///
    /// # Errors
    /// If the unit fails, or if the sectors are not on it.
    pub fn discard(&mut self, unit: &mut Unit, sector: u64, count: u64) -> Result<Option<u64>, Refusal> {
        const LENGTH: u8 = 64;
        let end = sector.checked_add(count).filter(|&end| end <= unit.sectors).ok_or(Refusal::Beyond)?;
        let page = command::inquiry(Some(BLOCK_LIMITS), LENGTH);
        let limits = match self.command(unit.address, &page, Data::In(LENGTH.into())) {
            Ok((valid, _)) => command::unmap_limits(self.data(valid)),
            Err(Refusal::Sense(ILLEGAL_REQUEST)) => None,
            Err(refusal) => return Err(refusal),
        };
        let Some((most, granularity)) = limits else { return Ok(None) };
        let shift = (unit.block / SECTOR).trailing_zeros();
        let whole = aligned(sector..end, u64::from(granularity.get()) << shift);
        let mut next = whole.start;
        while next < whole.end {
            let blocks = ((whole.end - next) >> shift).min(most.get().into()) as u32;
            match self.command(unit.address, &command::unmap(), Data::Out(&command::extent(next >> shift, blocks))) {
                Ok((_, ns)) => unit.statistics.discards.note(0, ns),
                Err(Refusal::Sense(ILLEGAL_REQUEST)) => return Ok(None),
                Err(refusal) => return Err(refusal),
            }
            let sectors = u64::from(blocks) << shift;
            unit.statistics.discards.sectors += sectors;
            next += sectors;
        }
        Ok(Some(next - whole.start))
    }

    /// Reads or writes blocks. Returns the time that it took.
    fn transfer(&mut self, unit: &Unit, sector: u64, data: Data<'_>) -> Result<u64, Refusal> {
        let (length, is_write) = match data {
            Data::In(length) => (length, false),
            Data::Out(bytes) => (bytes.len(), true),
        };
        let end = sector.checked_add((length / SECTOR) as u64);
        // A block is a power of two of bytes.
        let (bytes_shift, sectors_shift) = (unit.block.trailing_zeros(), (unit.block / SECTOR).trailing_zeros());
        let is_whole = length & (unit.block - 1) == 0 && sector.trailing_zeros() >= sectors_shift;
        if !is_whole || length > MAX_TRANSFER || end.is_none_or(|end| end > unit.sectors) {
            return Err(Refusal::Beyond);
        }
        let cdb = command::transfer(is_write, sector >> sectors_shift, (length >> bytes_shift) as u16);
        let (valid, ns) = self.command(unit.address, &cdb, data)?;
        if valid == length { Ok(ns) } else { Err(Refusal::Device) }
    }

    /// Has a unit do a command. Returns how many bytes of the data count, at most as many as were asked for, and the time that it took.
    fn command(&mut self, address: Address, cdb: &Cdb, data: Data<'_>) -> Result<(usize, u64), Refusal> {
        let mut header = [0; HEADER];
        let [high, low] = address.unit.to_be_bytes();
        // A single level of units, in the flat format (5.6.6.1).
        let place = [1, address.target, 0x40 | high, low];
        header.iter_mut().zip(place).for_each(|(to, byte)| *to = byte);
        header.iter_mut().skip(CDB).zip(cdb).for_each(|(to, byte)| *to = *byte);
        let length = match data {
            Data::In(length) => length,
            Data::Out(bytes) => bytes.len(),
        };
        let mut refusal = Refusal::Busy;
        for _ in 0..ATTEMPTS {
            let asked = (AnswerIs::BeforeData, ANSWER, UNANSWERED);
            let ns = self.exchange.perform(&header, data, asked).ok_or(Refusal::Device)?;
            let answer = self.exchange.answer();
            let sense = answer.get(SENSE..ANSWER).and_then(sense_key);
            refusal = match (answer[RESPONSE], answer[STATUS], sense) {
                (OK, GOOD, _) => {
                    let residual = answer.get(RESIDUAL..).and_then(<[u8]>::first_chunk);
                    let residual = residual.map_or(0, |residual| u32::from_le_bytes(*residual)) as usize;
                    return Ok((length.saturating_sub(residual), ns));
                }
                (OK, CHECK_CONDITION, Some(key)) if key != UNIT_ATTENTION => return Err(Refusal::Sense(key)),
                (OK, CHECK_CONDITION, Some(key)) => Refusal::Sense(key),
                (OK, BUSY | TASK_SET_FULL, _) | (RESET | DEVICE_BUSY, ..) => Refusal::Busy,
                (OK, RESERVED, _) => return Err(Refusal::Reserved),
                (BAD_TARGET, ..) => return Err(Refusal::NoTarget),
                _ => return Err(Refusal::Device),
            };
        }
        Err(refusal)
    }

    /// The first bytes of the data of the last command.
    fn data(&self, length: usize) -> &[u8] {
        self.exchange.data().get(..length).unwrap_or_default()
    }
}

impl<H: Hal, T: Transport> Drop for VirtioScsi<H, T> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Initialises a device, up to its queues: that for requests, the others, and what its status is now.
fn start<H: Hal>(transport: &mut impl Transport) -> Result<(VirtQueue<H>, Others<H>, DeviceStatus), Unusable> {
    let (_, status) = agree(transport, HOTPLUG)?;
    let max_sectors = transport.read_config_space::<u32>(MAX_SECTORS).map_or(0, u32::from_le) as usize;
    // The control queue's requests have two buffers, an event has one.
    let queues = [(CONTROL, 1, 2), (EVENTS, SPARES, 1), (REQUESTS, 1, CHAIN)];
    let queues = queues.map(|(number, requests, chain)| VirtQueue::new(transport, number, requests, chain));
    match queues {
        [Ok(control), Ok(events), Ok(mut queue)] if max_sectors == 0 || max_sectors >= MAX_TRANSFER / SECTOR => {
            // No interrupts, because who asks waits for the answer.
            queue.set_interrupts(false);
            Ok((queue, [control, events], status))
        }
        // Before the queues are dropped.
        queues => {
            let error = give_up(transport, Unusable::Queue);
            if error == Unusable::NoReset {
                mem::forget(queues);
            }
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests;
