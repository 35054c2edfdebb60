//! What changes under a running agent: its port, the time zone; and what it finds in files that others write.

use std::fs;

use anyhow::{Result, ensure};
use debian::linux::Extra;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::booted::synchronise;
use tests::processor::{rests, smallest_share};
use tests::program::ours;
use tests::time::SECOND;
use tests::{Booted, Program, soon};

use crate::booted::boot_with;
use crate::inside::{busybox, run};
use crate::other_init;

fn pid(agent: &mut Client) -> Result<String> {
    run(agent, "echo $PPID")
}

#[test]
fn a_port_that_is_unplugged_and_plugged_in_again_is_served_by_the_same_process() -> Result<()> {
    for line in ["/init -v", "/init -v --retry-path"] {
        let Booted { mut agent, mut guest } = other_init::boot_agent(line, |_| {})?;
        let before = pid(&mut agent)?;
        let with_host = smallest_share(guest.pid())?;
        for has_host in [true, false, true] {
            let left = if has_host {
                Some(agent)
            } else {
                let gone = || guest.console().matches("the host is gone").count();
                let already = gone();
                drop(agent);
                soon().poll("an agent without a host", || Ok((gone() > already).then_some(())))?;
                None
            };
            let mut qmp = guest.qmp(soon())?;
            qmp.execute("device_del", json!({"id": "port0"}), soon())?;
            qmp.event("DEVICE_DELETED", soon())?;
            drop(left);
            rests(guest.pid(), with_host + 0.05)?;
            let port = json!({"driver": "virtserialport", "bus": "serial0.0", "chardev": "agent0", "id": "port0",
                "name": "org.qemu.guest_agent.0"});
            let serving = || guest.console().matches("debug: serving").count();
            let already = serving();
            qmp.execute("device_add", port, soon())?;
            soon().poll("the port", || Ok((serving() > already).then_some(())))?;
            agent = guest.connect(soon())?;
            synchronise(&mut agent, 2)?;
            ensure!(pid(&mut agent)? == before, "{line}: another process answers");
        }
    }
    Ok(())
}

/// A time zone's file (RFC 9636) with one name and one offset, in hours to the east.
fn zone(name: &str, hours: i32) -> Vec<u8> {
    let mut file = Vec::new();
    for _ in 0..2 {
        file.extend(b"TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        for count in [0u32, 0, 0, 0, 1, 4] {
            file.extend(count.to_be_bytes());
        }
        file.extend((hours * 3600).to_be_bytes());
        file.extend([0, 0]);
        file.extend(name.bytes());
        file.push(0);
    }
    file.extend(format!("\n{name}{}\n", -hours).bytes());
    file
}

fn with_zones() -> Result<Booted> {
    let file = |path, content| Extra { path, mode: 0o644, content };
    let extras = [
        busybox()?,
        file("/etc/localtime", zone("AAA", 3)),
        file("/etc/other", zone("BBB", -5)),
        file("/etc/adjtime", b"0.0 0 0.0\n0\nLOCAL\n".into()),
    ];
    boot_with(Channel::Virtio, &extras, |_| {})
}

#[test]
fn another_time_zone_is_followed() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_zones()?;
    let told = |agent: &mut Client| agent.execute("guest-get-timezone", json!({}), soon());
    ensure!(told(&mut agent)? == json!({"zone": "AAA", "offset": 3 * 3600}), "{}", told(&mut agent)?);
    run(&mut agent, "busybox mv /etc/other /etc/localtime")?;
    ensure!(told(&mut agent)? == json!({"zone": "BBB", "offset": -5 * 3600}), "{}", told(&mut agent)?);
    Ok(())
}

#[test]
fn a_machine_whose_clock_has_local_time_is_set_to_it_and_read_as_such() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_zones()?;
    let chosen = 1_900_000_000;
    agent.execute("guest-set-time", json!({"time": chosen * SECOND}), soon())?;
    let seconds: i64 = run(&mut agent, "busybox cat /sys/class/rtc/rtc0/since_epoch")?.trim().parse()?;
    ensure!((0..600).contains(&(seconds - chosen - 3 * 3600)), "{seconds}");
    run(&mut agent, "busybox date -s @1000000000")?;
    agent.execute("guest-set-time", json!({}), soon())?;
    let time = agent.execute("guest-get-time", json!({}), soon())?.as_i64().unwrap_or_default();
    ensure!((0..600).contains(&(time / SECOND - chosen)), "{time}");
    Ok(())
}

#[test]
fn a_byte_that_is_no_text_hides_no_other_line() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("os-release");
    fs::write(&file, b"NAME=\"Debi\xe4n\"\nID=debian\nVERSION_ID=13\n")?;
    let agent = Program::start_with(&ours()?, &[("QGA_OS_RELEASE", &*file.to_string_lossy())])?;
    let told = agent.connect()?.execute("guest-get-osinfo", json!({}), soon())?;
    ensure!(told["id"] == "debian" && told["version-id"] == "13" && told["name"] == "Debi\u{fffd}n", "{told}");
    Ok(())
}

#[test]
fn a_folder_where_logins_are_noted_is_nobody_logged_in() -> Result<()> {
    let Booted { mut agent, guest: _guest } = boot_with(Channel::Virtio, &[busybox()?], |_| {})?;
    run(&mut agent, "busybox mkdir /run/utmp")?;
    ensure!(agent.execute("guest-get-users", json!({}), soon())? == json!([]));
    Ok(())
}

/// A record of utmp(5), as glibc has it on x86_64: `user` has logged in.
fn login(user: &str) -> [u8; 384] {
    let mut record = [0; 384];
    record[0] = 7;
    record[44..][..user.len()].copy_from_slice(user.as_bytes());
    record
}

#[test]
fn logins_that_were_told_are_told_again_only_while_their_file_does_not_change() -> Result<()> {
    let file =
        |path, users: &[&str]| Extra { path, mode: 0o644, content: users.iter().copied().flat_map(login).collect() };
    let files =
        [busybox()?, file("/ann", &["ann"]), file("/ann-bob", &["ann", "bob"]), file("/bob-ann", &["bob", "ann"])];
    let Booted { mut agent, guest: _guest } = boot_with(Channel::Virtio, &files, |_| {})?;
    let changes: [(&str, &[&str]); 6] = [
        ("cp /ann /run/utmp", &["ann"]),
        ("dd if=/ann-bob of=/run/utmp conv=notrunc", &["ann", "bob"]),
        ("dd if=/bob-ann of=/run/utmp conv=notrunc", &["bob", "ann"]),
        ("cp /ann-bob /run/new && busybox mv /run/new /run/utmp", &["ann", "bob"]),
        ("rm /run/utmp", &[]),
        ("cp /ann /run/utmp", &["ann"]),
    ];
    for (hour, (change, users)) in (1..).zip(changes) {
        run(&mut agent, &format!("busybox {change}"))?;
        let users = json!(users.iter().map(|user| json!({"user": user, "login-time": 0.0})).collect::<Vec<_>>());
        // The agent keeps what it has read of a file that is old.
        for _ in 0..2 {
            let told = agent.execute("guest-get-users", json!({}), soon())?;
            ensure!(told == users, "{change}: {told}");
            run(&mut agent, &format!("busybox date -s @{}", 2_000_000_000 + hour * 3600))?;
        }
    }
    Ok(())
}

#[test]
fn open_files_leave_the_agent_descriptors_for_itself() -> Result<()> {
    let agent = Program::start(&ours()?, &[])?;
    let mut client = agent.connect()?;
    let before = client.execute("guest-get-fsinfo", json!({}), soon())?;
    let request = r#"{"execute":"guest-file-open","arguments":{"path":"/dev/null"}}"#;
    let mut handles = 0;
    let refused = loop {
        let reply = client.request(request, soon())?.json()?;
        if reply.get("return").is_none() {
            break reply;
        }
        handles += 1;
    };
    ensure!(
        handles > 900 && refused["error"]["desc"].as_str().is_some_and(|text| text.contains("Too many open files")),
        "{handles}: {refused}"
    );
    let names = |told: &serde_json::Value| {
        told.as_array().into_iter().flatten().map(|told| told["disk"].to_string()).collect::<Vec<_>>()
    };
    let after = client.execute("guest-get-fsinfo", json!({}), soon())?;
    ensure!(names(&after) == names(&before), "{after}\n{before}");
    client.execute("guest-exec", json!({"path": "true", "capture-output": true}), soon()).map(drop)
}
