//! SCSI's commands and what they are answered (SPC-4, SBC-3, SAM-5).

use core::num::NonZero;

/// The longest command, in bytes.
pub(super) const CDB_BYTES: usize = 32;
pub(super) type Cdb = [u8; CDB_BYTES];

// Operation codes.
const TEST_UNIT_READY: u8 = 0x00;
const INQUIRY: u8 = 0x12;
const MODE_SENSE_6: u8 = 0x1a;
const READ_CAPACITY_10: u8 = 0x25;
const SYNCHRONIZE_CACHE_10: u8 = 0x35;
const UNMAP: u8 = 0x42;
const SERVICE_ACTION_IN_16: u8 = 0x9e;
const REPORT_LUNS: u8 = 0xa0;

/// A page of INQUIRY: how much a command may be of (SBC-3, 6.5.3).
pub(super) const BLOCK_LIMITS: u8 = 0xb0;
/// The length of the data of UNMAP with one run of blocks (SBC-3, 5.28).
pub(super) const EXTENT_BYTES: usize = 24;

// Sense keys.
const NOT_READY: u8 = 0x2;
const MEDIUM_ERROR: u8 = 0x3;
const HARDWARE_ERROR: u8 = 0x4;
pub(super) const ILLEGAL_REQUEST: u8 = 0x5;
pub(super) const UNIT_ATTENTION: u8 = 0x6;
const DATA_PROTECT: u8 = 0x7;

/// The place of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The target.
    pub target: u8,
    /// The logical unit of the target, at most 16383.
    pub unit: u16,
}

/// A sense key in words.
pub(super) const fn sense_in_words(key: u8) -> &'static str {
    match key {
        NOT_READY => "it is not ready, or has no medium",
        MEDIUM_ERROR => "the medium is damaged",
        HARDWARE_ERROR => "the hardware has failed",
        ILLEGAL_REQUEST => "it does not know the command",
        DATA_PROTECT => "it is write-protected",
        _ => "it has failed",
    }
}

/// The sense key of sense data, in either format. `None` if it is of none.
pub(super) fn sense_key(sense: &[u8]) -> Option<u8> {
    let place = match sense.first()? & 0x7f {
        0x70 | 0x71 => 2,
        0x72 | 0x73 => 1,
        _ => return None,
    };
    Some(sense.get(place)? & 0xf)
}

/// A command of these first bytes.
fn cdb<const N: usize>(bytes: [u8; N]) -> Cdb {
    let mut all = [0; CDB_BYTES];
    all.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    all
}

pub(super) fn test_unit_ready() -> Cdb {
    cdb([TEST_UNIT_READY])
}

/// The unit's kind, of so many bytes, or its serial number.
pub(super) fn inquiry(page: Option<u8>, length: u8) -> Cdb {
    cdb([INQUIRY, page.is_some().into(), page.unwrap_or(0), 0, length])
}

/// The header of the mode pages, in which is whether the unit is write-protected.
pub(super) fn mode_header() -> Cdb {
    cdb([MODE_SENSE_6, 0x08, 0x3f, 0, 4])
}

pub(super) fn read_capacity_10() -> Cdb {
    cdb([READ_CAPACITY_10])
}

pub(super) fn read_capacity_16() -> Cdb {
    let [.., length] = 32u32.to_be_bytes();
    cdb([SERVICE_ACTION_IN_16, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, length])
}

pub(super) fn synchronize_cache() -> Cdb {
    cdb([SYNCHRONIZE_CACHE_10])
}

/// Gives back the blocks that [`extent`] tells.
pub(super) fn unmap() -> Cdb {
    cdb([UNMAP, 0, 0, 0, 0, 0, 0, 0, EXTENT_BYTES as u8])
}

/// The data of [`unmap`]: one run of blocks. Before it are the number of bytes that follow, and that of the run's own.
pub(super) fn extent(block: u64, count: u32) -> [u8; EXTENT_BYTES] {
    let mut data = [0; EXTENT_BYTES];
    let fields = [&22u16.to_be_bytes()[..], &16u16.to_be_bytes(), &[0; 4], &block.to_be_bytes(), &count.to_be_bytes()];
    data.iter_mut().zip(fields.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
    data
}

/// How many blocks one [`unmap`] gives back at most, and the multiple of blocks at which it must begin and end, as the answer to
/// `inquiry(Some(BLOCK_LIMITS), _)` has it. `None` if the unit takes none back.
pub(super) fn unmap_limits(page: &[u8]) -> Option<(NonZero<u32>, NonZero<u32>)> {
    let &[_, BLOCK_LIMITS, ..] = page else { return None };
    let field = |place| page.get(place..)?.first_chunk().map(|field| u32::from_be_bytes(*field));
    let granularity = field(28).and_then(NonZero::new).unwrap_or(NonZero::<u32>::MIN);
    Some((NonZero::new(field(20)?)?, granularity))
}

/// The units of a target, in so many bytes.
pub(super) fn report_luns(length: u32) -> Cdb {
    let [a, b, c, d] = length.to_be_bytes();
    cdb([REPORT_LUNS, 0, 0, 0, 0, 0, a, b, c, d])
}

/// Reads or writes blocks. The short form, which all units know, if they can be told in it.
pub(super) fn transfer(write: bool, block: u64, count: u16) -> Cdb {
    let write = if write { 0x02 } else { 0 };
    let [count_high, count_low] = count.to_be_bytes();
    match u32::try_from(block) {
        Ok(block) => {
            let [a, b, c, d] = block.to_be_bytes();
            cdb([0x28 | write, 0, a, b, c, d, 0, count_high, count_low])
        }
        Err(_) => {
            let [a, b, c, d, e, f, g, h] = block.to_be_bytes();
            cdb([0x88 | write, 0, a, b, c, d, e, f, g, h, 0, 0, count_high, count_low])
        }
    }
}

/// The units in the answer to [`report_luns`], of which only as many bytes count as the unit has written.
pub(super) fn reported(answer: &[u8], target: u8) -> impl Iterator<Item = Address> {
    let listed = answer.first_chunk().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
    let entries = answer.get(8..).unwrap_or_default().chunks_exact(8).take(listed / 8);
    entries.filter_map(move |entry| {
        let &[high, low, 0, 0, 0, 0, 0, 0] = entry else { return None };
        // Peripheral addressing on bus 0, or flat (SAM-5, 4.7.7).
        let unit = match high >> 6 {
            0 if high == 0 => low.into(),
            1 => u16::from_be_bytes([high & 0x3f, low]),
            _ => return None,
        };
        Some(Address { target, unit })
    })
}

/// The number of blocks and the size of one in the answer to a READ CAPACITY, whose first field has so many bytes. `None` in the
/// number's place if it does not fit there.
pub(super) fn capacity<const N: usize>(answer: &[u8]) -> Option<(Option<u64>, usize)> {
    let (last, rest) = answer.split_first_chunk::<N>()?;
    let is_full = last.iter().all(|&byte| byte == 0xff);
    let last = last.iter().fold(0, |all, &byte| all << 8 | u64::from(byte));
    let block = u32::from_be_bytes(*rest.first_chunk()?) as usize;
    Some(((!is_full).then_some(last + 1), block))
}
