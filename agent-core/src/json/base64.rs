//! Base64 in place: RFC 4648 with padding, as QEMU takes and gives it. Line breaks are skipped on the way in.

use base64ct::{Base64, Encoding};

use super::copy;

/// What is no base64 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// Decodes the inside of a stored JSON string, where a line break is `\n`. Returns how many bytes at the beginning of
/// `text` are the result. Bits after the last byte mean nothing and may be set, as for QEMU.
///
/// # Errors
/// [`Invalid`]; what `text` holds then means nothing.
pub fn decode(text: &mut [u8]) -> Result<usize, Invalid> {
    let length = without_line_breaks(text);
    let text = text.get_mut(..length).ok_or(Invalid)?;
    Base64::decode_in_place(text).map(<[u8]>::len).map_err(|_| Invalid)
}

/// Moves everything but line breaks to the beginning; returns how much it is. Other escapes stay, and are no base64.
fn without_line_breaks(text: &mut [u8]) -> usize {
    let mut kept = text.iter().position(|&byte| byte == b'\\').unwrap_or(text.len());
    let mut from = kept;
    while let Some(rest @ &[byte, ..]) = text.get(from..) {
        if rest.starts_with(b"\\n") {
            from += 2;
            continue;
        }
        if let Some(place) = text.get_mut(kept) {
            *place = byte;
        }
        kept += 1;
        from += 1;
    }
    kept
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

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Fills the beginning of `encoded`, which is as large as it has to be; returns how much.
// base64ct's takes the same time for all bytes, which no file needs and which is most of the time of reading one.
fn encode_all(raw: &[u8], encoded: &mut [u8]) -> usize {
    let digit = |bits: u32| DIGITS[(bits & 63) as usize];
    let groups = raw.chunks_exact(3);
    let rest = groups.remainder();
    let mut length = 0;
    for (group, place) in groups.zip(encoded.chunks_exact_mut(4)) {
        // They have these lengths.
        if let (&[a, b, c], Some(place)) = (group, place.first_chunk_mut::<4>()) {
            let bits = u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c);
            *place = [digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)];
            length += 4;
        }
    }
    let last = match *rest {
        [a] => [digit(u32::from(a) >> 2), digit(u32::from(a) << 4), b'=', b'='],
        [a, b] => {
            let bits = u32::from(a) << 8 | u32::from(b);
            [digit(bits >> 10), digit(bits >> 4), digit(bits << 2), b'=']
        }
        _ => return length,
    };
    copy(&last, encoded, length).unwrap_or(length)
}
