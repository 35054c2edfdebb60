//! Base64 against a crate that nobody here wrote.
#![no_main]

use std::convert::Infallible;

use fuzz::parts;
use libfuzzer_sys::fuzz_target;
use nanoqga::json::base64;
use oracle::alphabet::STANDARD;
use oracle::engine::{Engine as _, GeneralPurpose, general_purpose::PAD};

/// Bits after the last byte may be set, as they may for QEMU.
const ORACLE: GeneralPurpose = GeneralPurpose::new(&STANDARD, PAD.with_decode_allow_trailing_bits(true));

fuzz_target!(|input: &[u8]| {
    let Some(([room, breaks, damage, at, byte, ..], bytes)) = parts(input) else { return };
    assert_decodes_alike(bytes.to_vec());
    assert_encodes(bytes, usize::from(*room));

    let mut text = ORACLE.encode(bytes).into_bytes();
    if damage % 2 == 1 && !text.is_empty() {
        let at = usize::from(*at) % text.len();
        text[at] = *byte;
    }
    // Lines may be empty, and end anywhere.
    let lines = text.chunks(usize::from(*breaks) + 1).flat_map(|line| [line, b"\\n"]);
    assert_decodes_alike(lines.flatten().copied().collect());
    assert_decodes_alike(text);
});

/// The inside of a JSON string, where a line break is an escape.
fn assert_decodes_alike(mut text: Vec<u8>) {
    let joined: Vec<u8> = match std::str::from_utf8(&text) {
        Ok(text) => text.replace("\\n", "").into(),
        // No base64 at all; the same has to be found.
        Err(_) => text.clone(),
    };
    let expected = ORACLE.decode(joined).ok();
    let decoded = base64::decode(&mut text).ok().map(|length| &text[..length]);
    assert_eq!(decoded, expected.as_deref());
}

/// Encodes all of `bytes` through a small room, a part at a time.
fn assert_encodes(mut bytes: &[u8], room: usize) {
    let mut encoded = Vec::new();
    let mut room = vec![0; room.max(7)];
    let expected = ORACLE.encode(bytes);
    while !bytes.is_empty() {
        let fill = |into: &mut [u8]| {
            let count = bytes.len().min(into.len());
            into[..count].copy_from_slice(&bytes[..count]);
            Ok::<_, Infallible>(count)
        };
        let Ok((taken, length)) = base64::encode(&mut room, fill);
        encoded.extend_from_slice(&room[..length]);
        bytes = &bytes[taken..];
    }
    assert_eq!(String::from_utf8(encoded).as_deref(), Ok(&*expected));
}
