//! The disk and filesystem families, as transcripts.

use crate::common::{Guest, assert_refused, call, error, guest_with, returned, returns};
use serde_json::json;

const ADDRESS: &str = r#""pci-controller":{"domain":0,"bus":1,"slot":31,"function":7},"bus-type":"file-backed-virtual","bus":1,"target":2,"unit":4294967295"#;
const FULL_ADDRESS: &str =
    r#","serial":"S-\u00E9","dev":"/dev/vda","ccw-address":{"cssid":1,"ssid":2,"subchno":3,"devno":4}"#;

#[test]
fn a_disk_has_what_the_guest_knows_of_it() {
    let mut guest = guest_with(1, 0, false);
    assert_eq!(
        call(&mut guest, "guest-get-disks", ""),
        returns(r#"[{"name":"/dev/vda1","partition":true,"dependencies":[]}]"#)
    );
    guest.inner = 2;
    assert_eq!(
        call(&mut guest, "guest-get-disks", ""),
        returns(r#"[{"name":"/dev/vda1","partition":true,"dependencies":["/dev/vda","/dev/vda"]}]"#)
    );
    assert_eq!(call(&mut Guest::default(), "guest-get-disks", ""), returns("[]"));
}

#[test]
fn an_nvme_disk_tells_its_health_in_halves_of_128_bits() {
    let disks = returned(&call(&mut guest_with(3, 1, true), "guest-get-disks", ""));
    let address: serde_json::Value = serde_json::from_str(&format!("{{{ADDRESS}{FULL_ADDRESS}}}")).unwrap();
    for disk in disks.as_array().unwrap() {
        assert_eq!(disk["address"], address);
        assert_eq!((&disk["alias"], &disk["dependencies"]), (&json!("volume"), &json!(["/dev/vda"])));
    }
    assert_eq!((&disks[0]["smart"], &disks[1]["smart"]), (&disks[2]["smart"], &json!(null)));
    let max = u64::MAX;
    let expected = json!({
        "type": "nvme", "critical-warning": 255, "temperature": 65535, "available-spare": 255,
        "available-spare-threshold": 255, "percentage-used": 255,
        "data-units-read-lo": max, "data-units-read-hi": max, "data-units-written-lo": 0, "data-units-written-hi": 1,
        "host-read-commands-lo": max, "host-read-commands-hi": max,
        "host-write-commands-lo": max, "host-write-commands-hi": max,
        "controller-busy-time-lo": max, "controller-busy-time-hi": max, "power-cycles-lo": max, "power-cycles-hi": max,
        "power-on-hours-lo": max, "power-on-hours-hi": max, "unsafe-shutdowns-lo": max, "unsafe-shutdowns-hi": max,
        "media-errors-lo": max, "media-errors-hi": max,
        "number-of-error-log-entries-lo": 7, "number-of-error-log-entries-hi": 0,
    });
    assert_eq!(disks[0]["smart"], expected);
}

#[test]
fn counters_that_the_guest_lacks_are_not_sent() {
    let statistics = |guest: &mut Guest| call(guest, "guest-get-diskstats", "");
    assert_eq!(
        statistics(&mut guest_with(1, 0, false)),
        returns(r#"[{"name":"vda","major":254,"minor":18446744073709551615,"stats":{}}]"#)
    );
    let full = returned(&statistics(&mut guest_with(2, 0, true)));
    assert_eq!(full.as_array().unwrap().len(), 2);
    assert_eq!(full[1]["stats"].as_object().unwrap().len(), 17);
    assert_eq!(full[1]["stats"]["ios-pgr"], u64::MAX);
}

#[test]
fn a_file_system_always_has_its_list_of_disks() {
    let minimal = r#"{"name":"vda1","mountpoint":"/mnt/\u00E9","type":"vfat""#;
    let mut guest = guest_with(2, 0, false);
    assert_eq!(
        call(&mut guest, "guest-get-fsinfo", ""),
        returns(&format!(r#"[{minimal},"disk":[]}},{minimal},"disk":[]}}]"#))
    );
    guest.inner = 1;
    guest.count = 1;
    let disk = format!(r#","disk":[{{{ADDRESS}}}]"#);
    assert_eq!(call(&mut guest, "guest-get-fsinfo", ""), returns(&format!("[{minimal}{disk}}}]")));
    guest.full = true;
    let bytes = r#","used-bytes":1,"total-bytes":18446744073709551615,"total-bytes-privileged":3"#;
    let disk = format!(r#","disk":[{{{ADDRESS}{FULL_ADDRESS}}}]"#);
    assert_eq!(call(&mut guest, "guest-get-fsinfo", ""), returns(&format!("[{minimal}{bytes}{disk}}}]")));
}

#[test]
fn each_file_system_is_trimmed_or_says_why_not() {
    let trimmed = r#"{"path":"/mnt","trimmed":4096,"minimum":0}"#;
    let mut guest = guest_with(2, 0, true);
    assert_eq!(call(&mut guest, "guest-fstrim", ""), returns(&format!(r#"{{"paths":[{trimmed},{trimmed}]}}"#)));
    guest.count = 1;
    assert_eq!(
        call(&mut guest, "guest-fstrim", r#""minimum":512"#),
        returns(r#"{"paths":[{"path":"/mnt","trimmed":4096,"minimum":512}]}"#)
    );
    guest.full = false;
    assert_eq!(
        call(&mut guest, "guest-fstrim", ""),
        returns(r#"{"paths":[{"path":"/mnt","error":"trim not supported"}]}"#)
    );
    guest.count = 0;
    assert_eq!(call(&mut guest, "guest-fstrim", ""), returns(r#"{"paths":[]}"#));
    assert_refused(
        &mut guest,
        "guest-fstrim",
        &[
            (r#""minimum":"a""#, "Invalid parameter type for 'minimum', expected: integer"),
            (r#""minimum":-1"#, "value '-1' is invalid for argument minimum"),
            (r#""minimum":0,"path":"/""#, "Parameter 'path' is unexpected"),
        ],
    );
}

#[test]
fn a_list_that_cannot_be_had_is_an_error_and_one_that_breaks_ends_early() {
    for command in ["guest-get-disks", "guest-get-diskstats", "guest-get-fsinfo", "guest-fstrim"] {
        let mut guest = Guest { fails_at: Some(0), ..guest_with(3, 1, true) };
        assert_eq!(call(&mut guest, command, ""), error("the guest cannot tell"));
        guest.fails_at = Some(2);
        let shorter = call(&mut guest, command, "");
        assert_eq!(shorter, call(&mut guest_with(2, 1, true), command, ""));
    }
    for command in ["guest-get-disks", "guest-get-diskstats", "guest-get-fsinfo"] {
        assert_refused(&mut guest_with(1, 1, true), command, &[(r#""x":1"#, "Parameter 'x' is unexpected")]);
    }
}
