//! What the kernel and `/etc` should never say, said to every reader of them: none of them panics.

use std::string::String;
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::os_release::OsRelease;
use super::{accounts, block, disks, logins, mounts, processors, routes};

/// Words of all the formats, in any order.
fn text() -> impl Strategy<Value = String> {
    let words = [
        "/",
        "/devices/pci",
        "/devices/css",
        "/virtio",
        "/target",
        "/host",
        "/ata",
        "0000:00",
        ":",
        ".",
        " ",
        "\t",
        "\n",
        "-",
        "=",
        "\"",
        "'",
        "\\",
        "\\040",
        "\\400",
        "cpu",
        "lo",
        "eth0",
        "0",
        "1",
        "7fffffff",
        "18446744073709551616",
        "x",
        "é",
        "\u{0}",
        "btrfs",
        "ext4",
        "ID",
        "NAME",
        "root",
        "00000000",
        "00000000000000000000000000000000",
    ];
    vec(select(words.to_vec()), 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in text()) {
        for driver in ["virtio-pci", "ahci", "ata_piix"] {
            let _ = block::locate(&text, &|_| Some(driver.into()), &|_, _| Vec::from([0, 1]));
        }
        let _ = (processors::times(&text), processors::load(&text), processors::ranges(&text).count());
        let _ = (disks::statistics(&text), mounts::of_text(text.as_bytes()));
        let _ = (routes::v4(&text), routes::v6(&text));
        let _ = (OsRelease::parse(&text), accounts::find(&text, "root"));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..900)) {
        let _ = (mounts::of_text(&bytes), logins::logins(&bytes, logins::Layout::OWN));
    }

    #[test]
    fn an_edit_changes_no_other_line(before in text(), after in text()) {
        let shadow = [before.as_str(), "\nme:old:1:0:::::\n", after.as_str()].concat();
        let edited = accounts::with_shadow(shadow.as_bytes(), "me", "new", 2);
        let edited = String::from_utf8(edited).unwrap();
        let others = |text: &str| -> Vec<String> {
            text.split('\n').filter(|line| !line.starts_with("me:")).map(String::from).collect()
        };
        prop_assert_eq!(others(&shadow), others(&edited));
        prop_assert!(edited.contains("\nme:new:2:0:::::\n"));
    }
}
