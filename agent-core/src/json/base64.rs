//! Base64 in place: RFC 4648 with padding, as QEMU takes and gives it. Line breaks are skipped on the way in.
//!
//! Eight digits are computed at once, in the bytes of a number. base64ct takes the same time for all bytes, which no file needs
//! and which was most of the time of moving one.

use super::copy;

/// The text is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// Decodes the inside of a stored JSON string, where a line break is `\n`. Returns how many bytes at the beginning of
/// `text` are the result. Bits after the last byte mean nothing and may be set, as for QEMU.
///
/// # Errors
/// [`Invalid`]; what `text` holds then means nothing.
pub fn decode(text: &mut [u8]) -> Result<usize, Invalid> {
    let (mut from, mut to) = (0, 0);
    // Up to three digits of a group that is not whole.
    let (mut group, mut count) = (0, 0);
    let mut padding = 0;
    loop {
        if count == 0 {
            (from, to) = decode_groups(text, from, to);
        }
        let digit = match text.get(from..).unwrap_or_default() {
            [] => break,
            [b'\\', b'n', ..] => {
                from += 2;
                continue;
            }
            [b'=', ..] => {
                padding += 1;
                from += 1;
                continue;
            }
            [_, ..] if padding > 0 => return Err(Invalid),
            // Eight times the same digit.
            &[byte, ..] => sextets(u64::from_ne_bytes([byte; 8])).ok_or(Invalid)? & 0x3F,
        };
        from += 1;
        group = group << 6 | digit;
        count += 1;
        if count == 4 {
            to = put(group << 40, 3, text, to)?;
            (group, count) = (0, 0);
        }
    }
    match (count, padding) {
        (0, 0) => Ok(to),
        (2, 2) => put(group << 52, 1, text, to),
        (3, 1) => put(group << 46, 2, text, to),
        _ => Err(Invalid),
    }
}

/// Decodes from `from` to `to`, which is not behind it, as long as whole eights of digits follow. Returns both places after that.
fn decode_groups(text: &mut [u8], mut from: usize, mut to: usize) -> (usize, usize) {
    while let Some(digits) = text.get(from..).and_then(<[u8]>::first_chunk)
        && let Some(sextets) = sextets(u64::from_be_bytes(*digits))
        && let Some(place) = text.get_mut(to..).and_then(<[u8]>::first_chunk_mut)
    {
        // Two bytes more than the result: they lie where digits were that are read.
        *place = joined(sextets).to_be_bytes();
        from += 8;
        to += 6;
    }
    (from, to)
}

/// Puts the first `count` bytes of `bits` at `place`; returns where they end.
fn put(bits: u64, count: usize, text: &mut [u8], place: usize) -> Result<usize, Invalid> {
    copy(bits.to_be_bytes().get(..count).unwrap_or_default(), text, place).ok_or(Invalid)
}

/// Fills the beginning of `room` with the base64 of what `source` fills a part of it with; `source` is given room for as
/// many whole groups as fit, and returns how much it filled. Returns that and the length of the base64.
///
/// # Errors
/// Those of `source`.
pub fn encode<E>(room: &mut [u8], source: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<(usize, usize), E> {
    // Four bytes out for three bytes in, side by side.
    let groups = room.len() / 7;
    let (encoded, rest) = room.split_at_mut_checked(groups * 4).unwrap_or_default();
    let raw = rest.get_mut(..groups * 3).unwrap_or_default();
    let length = source(raw)?.min(raw.len());
    Ok((length, encode_all(raw.get(..length).unwrap_or_default(), encoded)))
}

/// Fills the beginning of `encoded`, which is large enough. Returns how many bytes.
fn encode_all(raw: &[u8], encoded: &mut [u8]) -> usize {
    let (mut rest, mut length) = (raw, 0);
    // Eight bytes are read, of which six are encoded.
    while let Some(bytes) = rest.first_chunk()
        && let Some(place) = encoded.get_mut(length..).and_then(<[u8]>::first_chunk_mut)
    {
        *place = digits(split(u64::from_be_bytes(*bytes))).to_be_bytes();
        rest = rest.get(6..).unwrap_or_default();
        length += 8;
    }
    while let [_, ..] = rest {
        let (last, behind) = rest.split_at_checked(6).unwrap_or((rest, &[]));
        rest = behind;
        let mut bytes = [0; 8];
        // There is room for six.
        let _ = copy(last, &mut bytes, 0);
        let mut digits = digits(split(u64::from_be_bytes(bytes))).to_be_bytes();
        digits.iter_mut().skip((last.len() * 8).div_ceil(6)).for_each(|digit| *digit = b'=');
        let whole = digits.get(..last.len().div_ceil(3) * 4).unwrap_or_default();
        length = copy(whole, encoded, length).unwrap_or(length);
    }
    length
}

// Everything from here on is inlined into loops over whole files, also where the rest is compiled for size: a call costs as much.

/// A one in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The first six of eight bytes, six bits in each byte of the result.
#[inline(always)]
const fn split(bytes: u64) -> u64 {
    // Into 24, 12 and 6 bits.
    let bits = bytes >> 8 & 0x00FF_FFFF_0000_0000 | bytes >> 16 & 0x00FF_FFFF;
    let bits = bits << 4 & 0x0FFF_0000_0FFF_0000 | bits & 0x0000_0FFF_0000_0FFF;
    bits << 2 & 0x3F00_3F00_3F00_3F00 | bits & 0x003F_003F_003F_003F
}

/// The other way: six bits of each byte become the first six bytes.
#[inline(always)]
const fn joined(sextets: u64) -> u64 {
    let bits = sextets >> 2 & 0x0FC0_0FC0_0FC0_0FC0 | sextets & 0x003F_003F_003F_003F;
    let bits = bits >> 4 & 0x00FF_F000_00FF_F000 | bits & 0x0000_0FFF_0000_0FFF;
    (bits >> 8 & 0x0000_FFFF_FF00_0000 | bits & 0x00FF_FFFF) << 16
}

/// The digits of eight numbers below 64.
#[inline(always)]
const fn digits(sextets: u64) -> u64 {
    // The digits from A on, without the gaps that ASCII has before a, 0, + and /.
    sextets + ONES * 65 + at_least(sextets, 26) * 6 - at_least(sextets, 52) * 75 - at_least(sextets, 62) * 15
        + at_least(sextets, 63) * 3
}

/// The numbers of eight digits. `None` if one of the bytes is no digit.
#[inline(always)]
fn sextets(text: u64) -> Option<u64> {
    let ascii = text & (ONES * 0x7F);
    // From + on, with the gaps. What is no digit becomes the number of another one.
    let sextets = ascii + ONES * 19
        - at_least(ascii, 47) * 3
        - at_least(ascii, 48) * 12
        - at_least(ascii, 65) * 69
        - at_least(ascii, 97) * 6;
    (digits(sextets) == text).then_some(sextets)
}

/// A one in each byte that is at least `bar`. All are less than 128.
#[inline(always)]
const fn at_least(bytes: u64, bar: u64) -> u64 {
    (bytes + ONES * (128 - bar)) >> 7 & ONES
}
