//! Base64 as another crate has it.

use std::convert::Infallible;

use nanoqga::json::base64::{Invalid, decode, encode};
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD;

/// What `bytes` are encoded to in a room of this size, and how many of them.
fn encoded(bytes: &[u8], room: usize) -> (usize, String) {
    let mut room = vec![0; room];
    let fill = |into: &mut [u8]| {
        let length = bytes.len().min(into.len());
        into[..length].copy_from_slice(&bytes[..length]);
        Ok::<_, Infallible>(length)
    };
    let Ok((taken, length)) = encode(&mut room, fill);
    (taken, String::from_utf8_lossy(&room[..length]).into_owned())
}

#[test]
fn bytes_of_any_length_and_value_are_encoded_as_elsewhere() {
    let bytes: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    for start in [0, 1, 100, 255] {
        for end in (start..start + 20).chain([bytes.len()]) {
            let part = &bytes[start..end];
            assert_eq!(encoded(part, 2048), (part.len(), STANDARD.encode(part)));
        }
    }
}

#[test]
fn a_room_takes_whole_groups() {
    let bytes = [0xFF; 30];
    for room in 0..70 {
        let taken = (room / 7 * 3).min(bytes.len());
        assert_eq!(encoded(&bytes, room), (taken, STANDARD.encode(&bytes[..taken])), "in {room} bytes");
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, Invalid> {
    let mut text = text.as_bytes().to_vec();
    let length = decode(&mut text)?;
    text.truncate(length);
    Ok(text)
}

#[test]
fn bytes_of_any_length_and_value_are_decoded_again() {
    let bytes: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    for start in [0, 1, 100, 255] {
        for end in (start..start + 20).chain([bytes.len()]) {
            let part = &bytes[start..end];
            let text = STANDARD.encode(part);
            assert_eq!(decoded(&text).as_deref(), Ok(part), "{text}");
            for width in [1, 2, 3, 5, 8, 60, 76] {
                let lines: Vec<_> = text.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
                assert_eq!(decoded(&(lines.join(r"\n") + r"\n")).as_deref(), Ok(part), "in lines of {width}");
            }
        }
    }
}

#[test]
fn what_is_no_digit_is_refused_wherever_it_stands() {
    let text = STANDARD.encode([0x6E; 30]);
    let digits = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']);
    let is_digit = |byte| digits.clone().any(|digit| digit == char::from(byte));
    for place in 0..text.len() {
        for byte in 0..=255 {
            let mut changed = text.clone().into_bytes();
            changed[place] = byte;
            // It may be padding in the last place.
            let valid = is_digit(byte) || byte == b'=' && place + 1 == text.len();
            assert_eq!(decode(&mut changed).is_ok(), valid, "byte {byte} at {place}");
        }
    }
}

#[test]
fn padding_ends_the_last_group_and_nothing_else() {
    for text in ["A", "AA", "AAA", "=", "====", "A===", "AA=", "AAA==", "AA=A", "AA==AAAA", "AAAA=", "AAAA====", r"\r"]
    {
        assert_eq!(decoded(text), Err(Invalid), "{text}");
    }
    assert_eq!(decoded(r"AA=\n=\n"), Ok(vec![0]));
}
