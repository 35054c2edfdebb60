//! What a guest is asked: what a command needs, and no more often. What it does not tell is left out.

use crate::common::{
    COMMANDS, File, Finished, Guest, TABLES, agent_of, busy_guest, call, error, guest_with, readable, returned,
    returns, talk_in,
};
use nanoqga::commands::exec::Exit;
use nanoqga::commands::{cpu, disk, filesystem, info};
use nanoqga::{Agent, Command, CommandSet, Failure};

/// A guest that tells only what it must.
struct Terse;

impl disk::Disks for Terse {
    fn disk(&mut self, index: usize) -> Result<Option<disk::Disk<'_>>, Failure> {
        Ok((index < 1).then_some(disk::Disk { name: "vda", partition: false, alias: None }))
    }
}

impl filesystem::FileSystems for Terse {
    fn file_system(&mut self, index: usize) -> Result<Option<filesystem::FileSystem<'_>>, Failure> {
        let file_system = filesystem::FileSystem {
            name: "vda",
            mountpoint: "/",
            kind: "vfat",
            used_bytes: None,
            total_bytes: None,
            total_bytes_privileged: None,
        };
        Ok((index < 1).then_some(file_system))
    }
}

fn answer<G>(agent: &mut Agent<'_, G>, guest: &mut G, request: &str) -> String {
    crate::common::hear(agent, request.as_bytes());
    let mut room = [0; 8192];
    let filled = agent.transmit(guest, &mut room);
    readable(&room[..filled])
}

#[test]
fn a_guest_need_not_know_more_of_a_disk_than_its_name() {
    const TABLES: &[&[Command<Terse>]] = &[disk::commands(), filesystem::commands()];
    let commands = CommandSet::new(TABLES);
    let mut agent = agent_of::<1024, 1024, _>(&commands);
    assert_eq!(
        answer(&mut agent, &mut Terse, r#"{"execute":"guest-get-disks"}"#),
        returns(r#"[{"name":"vda","partition":false,"dependencies":[]}]"#)
    );
    assert_eq!(
        answer(&mut agent, &mut Terse, r#"{"execute":"guest-get-fsinfo"}"#),
        returns(r#"[{"name":"vda","mountpoint":"/","type":"vfat","disk":[]}]"#)
    );
}

#[test]
fn no_command_takes_an_argument_that_it_does_not_know() {
    let info = returned(&call(&mut Guest::default(), "guest-info", ""));
    for command in info["supported_commands"].as_array().unwrap() {
        let name = command["name"].as_str().unwrap();
        let mut guest = busy_guest();
        let reply = call(&mut guest, name, r#""xyzzy":1"#);
        let refused = reply.contains("Parameter 'xyzzy' is unexpected") || reply.contains("' is missing");
        assert!(refused, "{name}: {reply}");
        assert!(guest.asked.is_empty() && guest.went.is_empty(), "{name}");
    }
}

/// Lists whose elements go out in parts: as many parts in a piece as there is room for.
#[test]
fn a_list_in_parts_is_the_same_through_any_stage() {
    for command in ["guest-get-disks", "guest-get-fsinfo", "guest-network-get-interfaces"] {
        let request = format!(r#"{{"execute":"{command}"}}"#);
        for count in [0, 1, 3] {
            let mut guest = guest_with(count, 2, true);
            let small = talk_in(&mut agent_of::<128, 1024, _>(&COMMANDS), &mut guest, request.as_bytes(), 64, 4096);
            let large = talk_in(&mut agent_of::<128, 16384, _>(&COMMANDS), &mut guest, request.as_bytes(), 64, 4096);
            assert_eq!(readable(&small), readable(&large), "{command}");
        }
        let mut guest = Guest { fails_at: Some(1), ..guest_with(3, 2, true) };
        let cut = talk_in(&mut agent_of::<128, 16384, _>(&COMMANDS), &mut guest, request.as_bytes(), 64, 4096);
        assert_eq!(returned(&readable(&cut)).as_array().map(Vec::len), Some(1), "{command}");
    }
}

#[test]
fn what_is_read_in_parts_is_asked_for_once_a_part() {
    let exit = Exit { code: Some(0), ..Exit::default() };
    let mut guest = Guest::default();
    guest.programs.insert(1, Some(Finished { exit, out: vec![b'o'; 100], err: Vec::new() }));
    call(&mut guest, "guest-exec-status", r#""pid":1"#);
    // The empty output is asked for, too.
    assert_eq!(guest.reads, 2);

    let mut guest = Guest { keys: vec!["a".into(), "b".into()], ..Guest::default() };
    call(&mut guest, "guest-ssh-get-authorized-keys", r#""username":"root""#);
    // Two keys, and that there is no third.
    assert_eq!(guest.reads, 3);

    let mut guest = Guest::default();
    guest.files.insert("/f".into(), vec![b'x'; 100]);
    guest.handles.insert(5, File { path: "/f".into(), position: 0, appends: false });
    call(&mut guest, "guest-file-read", r#""handle":5,"count":50"#);
    assert_eq!(guest.reads, 1);
}

#[test]
fn tables_are_as_long_as_what_guest_info_lists() {
    let commands = CommandSet::new(TABLES);
    let mut agent = agent_of::<128, 1024, _>(&commands);
    let listed = talk_in(&mut agent, &mut Guest::default(), br#"{"execute":"guest-info"}"#, 64, 64);
    let listed = returned(&readable(&listed));
    let names: Vec<_> = TABLES.iter().flat_map(|table| table.iter().map(Command::name)).collect();
    let listed: Vec<_> =
        listed["supported_commands"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(listed, names);
    assert!(names.contains(&info::commands::<Guest>()[0].name()));
}

/// A guest whose load is any number.
struct Loaded(f64);

impl cpu::LoadAverage for Loaded {
    fn load(&mut self) -> Result<cpu::Load, Failure> {
        Ok(cpu::Load { load1m: self.0, load5m: 0.0, load15m: 1.0 })
    }
}

#[test]
fn a_number_has_up_to_six_decimals_and_one_of_more_than_twelve_digits_is_an_error() {
    let ask = |load| {
        const TABLES: &[&[Command<Loaded>]] = &[cpu::load_commands()];
        let commands = CommandSet::new(TABLES);
        answer(&mut agent_of::<128, 256, _>(&commands), &mut Loaded(load), r#"{"execute":"guest-get-load"}"#)
    };
    for (load, sent) in [
        (0.25, "0.25"),
        (-0.25, "-0.25"),
        (-1.5, "-1.5"),
        (0.000_000_6, "0.000001"),
        (-0.000_000_6, "-0.000001"),
        (12.000_345, "12.000345"),
        (8_999_999_999.5, "8999999999.5"),
        (-8_999_999_999.5, "-8999999999.5"),
    ] {
        assert_eq!(ask(load), returns(&format!(r#"{{"load1m":{sent},"load5m":0.0,"load15m":1.0}}"#)));
    }
    for load in [9e12, -9e12, 1e300, -1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert_eq!(ask(load), error("a part of the reply is larger than the agent's buffer"), "{load}");
    }
}
