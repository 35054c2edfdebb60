//! The cpu, memory, device and suspend families, as transcripts.

use crate::common::{COMMANDS, Guest, agent, assert_refused, call, error, guest_with, hear, returned, returns};
use nanoqga::commands::suspend::NOT_SUPPORTED;
use nanoqga::{Agent, Failure};

#[test]
fn processors_are_listed_and_set() {
    let mut guest = guest_with(2, 0, true);
    assert_eq!(
        call(&mut guest, "guest-get-vcpus", ""),
        returns(
            r#"[{"logical-id":0,"online":true,"can-offline":false},{"logical-id":1,"online":true,"can-offline":true}]"#
        )
    );
    let vcpus = r#""vcpus":[{"logical-id":1,"online":false},{"can-offline":true,"online":true,"logical-id":0}]"#;
    assert_eq!(call(&mut guest, "guest-set-vcpus", vcpus), returns("2"));
    assert_eq!(guest.asked, ["processor 1 false", "processor 0 true"]);
    guest.full = false;
    assert_eq!(
        call(&mut guest, "guest-get-vcpus", ""),
        returns(r#"[{"logical-id":0,"online":true},{"logical-id":1,"online":true}]"#)
    );
}

#[test]
fn processors_are_set_up_to_the_first_that_fails() {
    let mut guest = guest_with(2, 0, false);
    let set = |guest: &mut Guest, ids: &[i64]| {
        let vcpus: Vec<_> = ids.iter().map(|id| format!(r#"{{"logical-id":{id},"online":true}}"#)).collect();
        call(guest, "guest-set-vcpus", &format!(r#""vcpus":[{}]"#, vcpus.join(",")))
    };
    assert_eq!(set(&mut guest, &[0, 1, 2, 0]), returns("2"));
    assert_eq!(guest.asked.len(), 2);
    assert_eq!(set(&mut guest, &[-1, 0]), error("there is no such processor"));
    assert_eq!(set(&mut guest, &[]), returns("0"));
    assert_eq!(guest.asked.len(), 2);
}

#[test]
fn what_is_wrong_with_a_nested_argument_is_named_by_its_place() {
    assert_refused(
        &mut guest_with(2, 0, false),
        "guest-set-vcpus",
        &[
            ("", "Parameter 'vcpus' is missing"),
            (r#""vcpus":1"#, "Invalid parameter type for 'vcpus', expected: array"),
            (r#""vcpus":{}"#, "Invalid parameter type for 'vcpus', expected: array"),
            (r#""vcpus":[1]"#, "Invalid parameter type for 'vcpus[0]', expected: object"),
            (r#""vcpus":[{"logical-id":0}]"#, "Parameter 'vcpus[0].online' is missing"),
            (r#""vcpus":[{"online":true}]"#, "Parameter 'vcpus[0].logical-id' is missing"),
            (
                r#""vcpus":[{"logical-id":0,"online":true},{"logical-id":0,"online":1}]"#,
                "Invalid parameter type for 'vcpus[1].online', expected: boolean",
            ),
            (
                r#""vcpus":[{"logical-id":0.5,"online":true}]"#,
                "Invalid parameter type for 'vcpus[0].logical-id', expected: integer",
            ),
            (
                r#""vcpus":[{"logical-id":0,"online":true,"can-offline":"no"}]"#,
                "Invalid parameter type for 'vcpus[0].can-offline', expected: boolean",
            ),
            (r#""vcpus":[{"logical-id":0,"online":true,"x":1}]"#, "Parameter 'vcpus[0].x' is unexpected"),
            (r#""vcpus":[{"logical-id":0,"online":true,"online":true}]"#, "1:91: JSON parse error, duplicate key"),
            (r#""vcpus":[],"x":[]"#, "Parameter 'x' is unexpected"),
        ],
    );
    assert_refused(
        &mut guest_with(2, 0, false),
        "guest-set-memory-blocks",
        &[
            ("", "Parameter 'mem-blks' is missing"),
            (r#""mem-blks":[[]]"#, "Invalid parameter type for 'mem-blks[0]', expected: object"),
            (r#""mem-blks":[{"online":true}]"#, "Parameter 'mem-blks[0].phys-index' is missing"),
            (
                r#""mem-blks":[{"phys-index":18446744073709551616,"online":true}]"#,
                "Parameter 'mem-blks[0].phys-index' expects uint64",
            ),
            (r#""mem-blks":[{"phys-index":"0","online":true}]"#, "Parameter 'mem-blks[0].phys-index' expects uint64"),
        ],
    );
}

#[test]
fn processor_times_and_load_are_numbers() {
    let mut guest = guest_with(1, 0, false);
    let times = r#"{"type":"linux","cpu":0,"user":18446744073709551615,"nice":2,"system":3,"idle":4"#;
    assert_eq!(call(&mut guest, "guest-get-cpustats", ""), returns(&format!("[{times}}}]")));
    guest.full = true;
    let more: String = ["iowait", "irq", "softirq", "steal", "guest", "guestnice"]
        .map(|name| format!(r#","{name}":18446744073709551615"#))
        .concat();
    assert_eq!(call(&mut guest, "guest-get-cpustats", ""), returns(&format!("[{times}{more}}}]")));
    assert_eq!(call(&mut guest, "guest-get-load", ""), returns(r#"{"load1m":0.5,"load5m":1.25,"load15m":0.0}"#));
    guest.refuses = Some(Failure("no load"));
    assert_eq!(call(&mut guest, "guest-get-load", ""), error("no load"));
}

#[test]
fn memory_blocks_are_listed_and_each_set_for_itself() {
    let mut guest = guest_with(2, 0, true);
    assert_eq!(
        call(&mut guest, "guest-get-memory-blocks", ""),
        returns(
            r#"[{"phys-index":0,"online":true,"can-offline":false},{"phys-index":1,"online":true,"can-offline":true}]"#
        )
    );
    assert_eq!(call(&mut guest, "guest-get-memory-block-info", ""), returns(r#"{"size":134217728}"#));
    let blocks: Vec<_> = (0..6).map(|index| format!(r#"{{"phys-index":{index},"online":false}}"#)).collect();
    assert_eq!(
        call(&mut guest, "guest-set-memory-blocks", &format!(r#""mem-blks":[{}]"#, blocks.join(","))),
        returns(
            r#"[{"phys-index":0,"response":"success"},{"phys-index":1,"response":"operation-not-supported"},{"phys-index":2,"response":"operation-failed","error-code":16},{"phys-index":3,"response":"operation-failed"},{"phys-index":4,"response":"not-found"},{"phys-index":5,"response":"not-found","error-code":2}]"#
        )
    );
    assert_eq!(guest.asked, (0..6).map(|index| format!("block {index} false")).collect::<Vec<_>>());
    assert_eq!(call(&mut guest, "guest-set-memory-blocks", r#""mem-blks":[]"#), returns("[]"));
    guest.refuses = Some(Failure("no blocks"));
    assert_eq!(call(&mut guest, "guest-get-memory-block-info", ""), error("no blocks"));
}

#[test]
fn devices_are_listed() {
    assert_eq!(
        call(&mut guest_with(2, 0, false), "guest-get-devices", ""),
        returns(r#"[{"driver-name":"virtio-net"},{"driver-name":"virtio-net"}]"#)
    );
    assert_eq!(
        call(&mut guest_with(1, 0, true), "guest-get-devices", ""),
        returns(
            r#"[{"driver-name":"virtio-net","driver-date":1700000000000000000,"driver-version":"1.2","id":{"type":"pci","vendor-id":6900,"device-id":4161}}]"#
        )
    );
}

#[test]
fn a_list_that_cannot_be_had_is_an_error_and_one_that_breaks_ends_early() {
    for command in ["guest-get-vcpus", "guest-get-cpustats", "guest-get-memory-blocks", "guest-get-devices"] {
        let mut guest = Guest { fails_at: Some(0), ..guest_with(3, 0, true) };
        assert_eq!(call(&mut guest, command, ""), error("the guest cannot tell"));
        guest.fails_at = Some(2);
        assert_eq!(returned(&call(&mut guest, command, "")).as_array().unwrap().len(), 2);
        assert_eq!(call(&mut Guest::default(), command, ""), returns("[]"));
    }
    for command in ["guest-get-load", "guest-get-memory-block-info", "guest-get-vcpus", "guest-get-devices"] {
        assert_refused(&mut guest_with(1, 1, true), command, &[(r#""x":1"#, "Parameter 'x' is unexpected")]);
    }
}

#[test]
fn a_guest_sleeps_silently_or_says_why_not() {
    for (command, how) in [("disk", "Disk"), ("ram", "Ram"), ("hybrid", "Hybrid")] {
        let command = format!("guest-suspend-{command}");
        let mut guest = Guest::default();
        assert_refused(&mut guest, &command, &[(r#""x":1"#, "Parameter 'x' is unexpected")]);
        assert_eq!(call(&mut guest, &command, ""), "");
        assert_eq!(guest.asked, [format!("suspend {how}")]);
        guest.refuses = Some(NOT_SUPPORTED);
        assert_eq!(call(&mut guest, &command, ""), error("the requested suspend mode is not supported by the guest"));
    }
}

#[test]
fn commands_that_act_on_several_things_act_on_all_of_them_though_their_host_leaves() {
    let blocks: Vec<_> = (0..40).map(|index| format!(r#"{{"phys-index":{index},"online":true}}"#)).collect();
    let set = format!(r#"{{"execute":"guest-set-memory-blocks","arguments":{{"mem-blks":[{}]}}}}"#, blocks.join(","));
    for request in [set.as_str(), r#"{"execute":"guest-fstrim"}"#] {
        for leave in [Agent::reset, Agent::abandon_reply] {
            let (mut agent, mut guest) = (agent(&COMMANDS), guest_with(40, 0, true));
            hear(&mut agent, request.as_bytes());
            assert_eq!(agent.transmit(&mut guest, &mut [0; 30]), 30);
            assert!(guest.asked.len() + guest.trimmed < 40, "{request}");
            leave(&mut agent);
            assert_eq!(agent.transmit(&mut guest, &mut [0; 30]), 0);
            assert_eq!(guest.asked.len() + guest.trimmed, 40, "{request}");
        }
    }
}
