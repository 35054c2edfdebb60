//! SMBIOS tables.

use std::vec::Vec;

use proptest::prelude::*;

use super::Said;
use crate::smbios::{entry_point, read};

fn structure(kind: u8, fixed: &[u8], strings: &[&str]) -> Vec<u8> {
    let mut all = [&[kind, 4 + fixed.len() as u8, 0, 1][..], fixed].concat();
    for string in strings {
        all.extend_from_slice(string.as_bytes());
        all.push(0);
    }
    all.extend_from_slice(if strings.is_empty() { &[0, 0] } else { &[0] });
    all
}

#[test]
fn oem_strings_with_our_prefix_are_words() {
    let tables = [
        structure(0, &[1, 2], &["SeaBIOS", "nanoqga:hostname=not-here"]),
        structure(1, &[], &[]),
        structure(11, &[3], &["other", "nanoqga:hostname=web-1 ip=eth0,dhcp", "nanoqga:agent=com1"]),
        structure(11, &[1], &["nanoqga:nameserver=192.0.2.53"]),
        structure(127, &[], &[]),
        structure(11, &[1], &["nanoqga:hostname=behind-the-end"]),
    ];
    let expected = ["hostname=web-1", "ip=eth0,dhcp", "agent=com1", "nameserver=192.0.2.53"];
    let mut said = Said::default();
    assert!(read(&tables.concat(), &mut said));
    assert_eq!(said.0, expected);
    let mut said = Said::default();
    assert!(!read(&tables[..4].concat(), &mut said), "there is no end");
    assert_eq!(said.0, expected);
}

#[test]
fn both_kinds_of_entry_points_are_read_if_their_sums_are_right() {
    let sealed = |mut bytes: Vec<u8>, at: usize| {
        let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        bytes[at] = bytes[at].wrapping_sub(sum);
        bytes
    };
    let mut old = [&b"_SM_"[..], &[0, 31], &[0; 25]].concat();
    old[22..24].copy_from_slice(&0x123u16.to_le_bytes());
    old[24..28].copy_from_slice(&0xf_1234u32.to_le_bytes());
    let old = sealed(old, 4);
    assert_eq!(entry_point(&old), Some((0xf_1234, 0x123)));
    let mut new = [&b"_SM3_"[..], &[0, 24], &[0; 17]].concat();
    new[12..16].copy_from_slice(&0x456u32.to_le_bytes());
    new[16..24].copy_from_slice(&0x7_0000_0000u64.to_le_bytes());
    let mut new = sealed(new, 5);
    assert_eq!(entry_point(&new), Some((0x7_0000_0000, 0x456)));
    new[12] += 1;
    assert_eq!(entry_point(&new), None);
    assert_eq!(entry_point(&old[..20]), None);
}

proptest! {
    #[test]
    fn any_tables_are_survived(bytes: Vec<u8>) {
        read(&bytes, &mut Said::default());
        entry_point(&bytes);
        entry_point(&[b"_SM3_", &bytes[..]].concat());
        entry_point(&[b"_SM_", &bytes[..]].concat());
    }
}
