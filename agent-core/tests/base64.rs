//! Base64 as another crate has it.

use std::convert::Infallible;

use nanoqga::json::base64::encode;
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
