//! Every reply decodes into the types of the `qapi` crate, which are generated from QEMU's schema.

use crate::common::{File, Finished, Guest, TABLES, call, guest_with, returned};
use nanoqga::commands::exec::Exit;
use qapi::Command;
use qapi::qga;

/// The names of the commands that were asked for.
type Asked = Vec<&'static str>;

/// Asks for the command whose request type is `C` and decodes the reply.
fn decode<C: Command>(guest: &mut Guest, asked: &mut Asked, arguments: &str) -> C::Ok {
    asked.push(C::NAME);
    let reply = call(guest, C::NAME, arguments);
    serde_json::from_value(returned(&reply)).unwrap_or_else(|error| panic!("{error}: {reply}"))
}

/// Decodes the reply to every command that has one, each list of `count` elements.
fn decode_all(count: usize, inner: usize, full: bool) -> Asked {
    let mut guest = guest_with(count, inner, full);
    guest.files.insert("/f".into(), b"content".to_vec());
    guest.keys = vec!["key".into(); count];
    let exit = Exit { code: full.then_some(3), signal: full.then_some(9), out_truncated: full, err_truncated: full };
    let output = if full { b"output".to_vec() } else { Vec::new() };
    guest.programs.insert(50, None);
    guest.programs.insert(51, Some(Finished { exit, out: output.clone(), err: output.clone() }));
    guest.handles.insert(1, File { path: "/f".into(), position: 0, appends: false });
    let (guest, asked) = (&mut guest, &mut Asked::new());

    assert_eq!(decode::<qga::guest_sync>(guest, asked, r#""id":-5"#), -5);
    decode::<qga::guest_ping>(guest, asked, "");
    let info = decode::<qga::guest_info>(guest, asked, "");
    assert_eq!(info.supported_commands.len(), TABLES.iter().map(|table| table.len()).sum::<usize>());
    decode::<qga::guest_get_osinfo>(guest, asked, "");
    decode::<qga::guest_get_host_name>(guest, asked, "");
    decode::<qga::guest_get_timezone>(guest, asked, "");
    decode::<qga::guest_set_time>(guest, asked, r#""time":5"#);
    assert_eq!(decode::<qga::guest_get_time>(guest, asked, ""), 5);

    let handle = decode::<qga::guest_file_open>(guest, asked, r#""path":"/f""#);
    let handle = format!(r#""handle":{handle}"#);
    let read = decode::<qga::guest_file_read>(guest, asked, &handle);
    assert_eq!((read.count, read.buf_b64.as_slice(), read.eof), (7, &b"content"[..], true));
    let written = decode::<qga::guest_file_write>(guest, asked, &format!(r#"{handle},"buf-b64":"eHg=""#));
    assert_eq!((written.count, written.eof), (2, false));
    let sought = decode::<qga::guest_file_seek>(guest, asked, &format!(r#"{handle},"offset":0,"whence":"end""#));
    assert_eq!((sought.position, sought.eof), (9, false));
    decode::<qga::guest_file_flush>(guest, asked, &handle);
    decode::<qga::guest_file_close>(guest, asked, &handle);

    assert_eq!(decode::<qga::guest_fsfreeze_status>(guest, asked, ""), qga::GuestFsfreezeStatus::thawed);
    assert_eq!(decode::<qga::guest_fsfreeze_freeze>(guest, asked, ""), count as i64);
    assert_eq!(decode::<qga::guest_fsfreeze_thaw>(guest, asked, ""), count as i64);
    assert_eq!(decode::<qga::guest_fsfreeze_freeze_list>(guest, asked, r#""mountpoints":[]"#), 0);
    for system in decode::<qga::guest_get_fsinfo>(guest, asked, "") {
        assert_eq!((system.disk.len(), system.total_bytes.is_some()), (inner, full));
    }
    for trimmed in decode::<qga::guest_fstrim>(guest, asked, "").paths {
        assert_eq!((trimmed.trimmed.is_some(), trimmed.error.is_some()), (full, !full));
    }
    for (index, disk) in decode::<qga::guest_get_disks>(guest, asked, "").into_iter().enumerate() {
        assert_eq!(disk.dependencies.unwrap_or_default().len(), inner);
        assert_eq!((disk.address.is_some(), disk.smart.is_some()), (full, full && index % 2 == 0));
    }
    for disk in decode::<qga::guest_get_diskstats>(guest, asked, "") {
        assert_eq!(disk.stats.weight_ticks, full.then_some(u64::MAX));
    }

    for interface in decode::<qga::guest_network_get_interfaces>(guest, asked, "") {
        assert_eq!((interface.ip_addresses.unwrap_or_default().len(), interface.statistics.is_some()), (inner, full));
    }
    for route in decode::<qga::guest_network_get_route>(guest, asked, "") {
        assert_eq!((route.mask.is_some(), route.gateway.is_some()), (route.version == 4, full && route.version == 4));
        assert_eq!((route.desprefixlen.is_some(), route.use_.is_some()), (route.version == 6, full));
    }

    let processors = decode::<qga::guest_get_vcpus>(guest, asked, "");
    assert_eq!((processors.len(), processors.iter().all(|cpu| cpu.can_offline.is_some() == full)), (count, true));
    assert_eq!(decode::<qga::guest_set_vcpus>(guest, asked, r#""vcpus":[]"#), 0);
    assert_eq!(decode::<qga::guest_get_cpustats>(guest, asked, "").len(), count);
    assert_eq!(decode::<qga::guest_get_memory_blocks>(guest, asked, "").len(), count);
    let blocks: Vec<_> = (0..count).map(|index| format!(r#"{{"phys-index":{index},"online":true}}"#)).collect();
    let blocks = format!(r#""mem-blks":[{}]"#, blocks.join(","));
    let responses = decode::<qga::guest_set_memory_blocks>(guest, asked, &blocks);
    assert_eq!(responses.len(), count);
    assert_eq!(responses.get(2).map(|response| response.error_code), (count > 2).then_some(Some(16)));
    assert_eq!(decode::<qga::guest_get_memory_block_info>(guest, asked, "").size, 128 << 20);

    decode::<qga::guest_exec>(guest, asked, r#""path":"/bin/true""#);
    assert!(!decode::<qga::guest_exec_status>(guest, asked, r#""pid":50"#).exited);
    let status = decode::<qga::guest_exec_status>(guest, asked, r#""pid":51"#);
    assert_eq!(
        (status.exited, status.exitcode, status.err_data),
        (true, exit.code.map(i64::from), full.then_some(output))
    );

    for user in decode::<qga::guest_get_users>(guest, asked, "") {
        assert_eq!((user.login_time, user.domain.is_some()), (1_700_000_000.25, full));
    }
    decode::<qga::guest_set_user_password>(guest, asked, r#""username":"root","password":"eA==","crypted":false"#);
    assert_eq!(decode::<qga::guest_ssh_get_authorized_keys>(guest, asked, r#""username":"root""#).keys.len(), count);
    decode::<qga::guest_ssh_add_authorized_keys>(guest, asked, r#""username":"root","keys":["k"]"#);
    decode::<qga::guest_ssh_remove_authorized_keys>(guest, asked, r#""username":"root","keys":["k"]"#);
    for device in decode::<qga::guest_get_devices>(guest, asked, "") {
        assert_eq!(device.id.is_some(), full);
    }
    asked.clone()
}

#[test]
fn replies_of_a_guest_that_has_little_decode() {
    decode_all(0, 0, false);
    decode_all(1, 0, false);
}

#[test]
fn replies_of_a_guest_that_has_all_decode() {
    decode_all(4, 3, true);
}

#[test]
fn every_command_with_a_reply_is_decoded() {
    let asked = decode_all(1, 1, true);
    // The crate's schema is older than guest-get-load; a delimited reply is no JSON.
    let besides = ["guest-get-load", "guest-sync-delimited"];
    let info = returned(&call(&mut Guest::default(), "guest-info", ""));
    for command in info["supported_commands"].as_array().unwrap() {
        let name = command["name"].as_str().unwrap();
        let replies = command["success-response"] == true;
        assert!(asked.contains(&name) == replies || besides.contains(&name), "{name}");
    }
    let load = returned(&call(&mut Guest::default(), "guest-get-load", ""));
    assert_eq!(load, serde_json::json!({"load1m": 0.5, "load5m": 1.25, "load15m": 0.0}));
}
