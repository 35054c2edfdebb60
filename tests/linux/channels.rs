//! Clients at a unix socket: one after another, greedy ones, and some that leave.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::folder::PrivateFolder;
use serde_json::{Value, json};
use tests::booted::{resynchronise, synchronise};
use tests::processor::{is_asleep, rests};
use tests::program::{ours, reference};
use tests::{Program, soon};

#[test]
fn requests_need_no_line_end_and_come_in_any_pieces() -> Result<()> {
    let agent = Program::start(&ours()?, &[])?;
    let mut client = agent.connect()?;
    for byte in br#"{"execute":"guest-ping","id":1}{"execute":"guest-sync","arguments":{"id":2}}"# {
        client.send(&[*byte], soon())?;
    }
    ensure!(client.line(soon())? == br#"{"return": {}, "id": 1}"#);
    ensure!(client.line(soon())? == br#"{"return": 2}"#);
    client.send(b"{", soon())?;
    ensure!(resynchronise(&mut client, 3)?.len() == 1);
    synchronise(&mut client, 4)
}

#[test]
fn requests_of_a_hundred_kilobytes_are_answered() -> Result<()> {
    let agent = Program::start(&ours()?, &[])?;
    let mut client = agent.connect()?;
    let id = "x".repeat(100 << 10);
    let reply = client.request(&json!({"execute": "guest-ping", "id": id}).to_string(), soon())?;
    ensure!(reply.json()? == json!({"return": {}, "id": id}));
    synchronise(&mut client, 4)
}

#[test]
fn clients_are_served_one_after_another() -> Result<()> {
    let agent = Program::start(&ours()?, &[])?;
    let mut first = agent.connect()?;
    synchronise(&mut first, 1)?;
    let mut second = agent.connect()?;
    second.send(br#"{"execute":"guest-ping"}"#, soon())?;
    // Whatever it does meanwhile, an agent that answers the first one so often has seen the second one, too.
    (2..20).try_for_each(|id| synchronise(&mut first, id))?;
    ensure!(second.is_silent()?, "two clients were served at once");
    drop(first);
    ensure!(second.line(soon())? == br#"{"return": {}}"#);
    Ok(())
}

#[test]
fn a_client_that_leaves_in_mid_message_leaves_nothing_to_the_next() -> Result<()> {
    let agent = Program::start(&ours()?, &[])?;
    for id in 1..=50 {
        let mut client = agent.connect()?;
        client.send(br#"{"execute":"guest-sync","arguments":{"id":"#, soon())?;
        drop(client);
        synchronise(&mut agent.connect()?, id)?;
    }
    Ok(())
}

#[test]
fn a_client_that_leaves_without_its_replies_is_forgotten() -> Result<()> {
    let agent = Program::start(&ours()?, &[])?;
    for id in 1..=20 {
        let mut client = agent.connect()?;
        client.send(&br#"{"execute":"guest-info"}"#.repeat(500), soon())?;
        drop(client);
        synchronise(&mut agent.connect()?, id)?;
    }
    Ok(())
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_replies() -> Result<()> {
    let agent = Program::start(&ours()?, &[])?;
    let mut stream = agent.connect()?.into_stream()?;
    stream.write_all(br#"{"execute":"guest-ping"}{"execute":"guest-ping","id":2}"#)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.set_read_timeout(Some(soon().limit()))?;
    let lines: Vec<_> = BufReader::new(stream).lines().collect::<std::io::Result<_>>()?;
    ensure!(lines == [r#"{"return": {}}"#, r#"{"return": {}, "id": 2}"#], "{lines:?}");
    Ok(())
}

/// More replies than a socket can hold.
const UNREAD: usize = 2000;

#[test]
fn a_client_that_stops_reading_gets_every_reply_once_it_reads_again() -> Result<()> {
    let agent = Program::start(&ours()?, &[])?;
    let stream = agent.connect()?.into_stream()?;
    stream.set_read_timeout(Some(soon().limit()))?;
    let mut writer = stream.try_clone()?;
    let sending = thread::spawn(move || {
        (0..UNREAD)
            .try_for_each(|id| writer.write_all(format!("{{\"execute\":\"guest-info\",\"id\":{id}}}").as_bytes()))
    });
    rests(agent.pid(), 0.01).context("while its client reads nothing")?;
    ensure!(!sending.is_finished(), "{UNREAD} unread replies were not enough to fill the way");
    let mut lines = BufReader::new(stream).lines();
    for id in 0..UNREAD {
        let line = lines.next().ok_or_else(|| anyhow!("the channel ended before reply {id}"))??;
        let reply: Value = serde_json::from_str(&line)?;
        ensure!(reply["id"] == id && reply["return"]["supported_commands"].is_array(), "{id}: {line}");
    }
    sending.join().map_err(|_| anyhow!("the sender failed"))??;
    Ok(())
}

#[test]
fn a_client_that_reads_nothing_keeps_no_signal_waiting() -> Result<()> {
    let mut agent = Program::start(&ours()?, &[])?;
    let mut stream = agent.connect()?.into_stream()?;
    stream.set_nonblocking(true)?;
    let pid = agent.pid();
    soon().poll("an agent that takes nothing more, and sleeps", || {
        while stream.write(br#"{"execute":"guest-info"}"#).is_ok() {}
        Ok((is_asleep(pid)? && stream.write(b" ").is_err()).then_some(()))
    })?;
    agent.signal("TERM")?;
    ensure!(agent.wait(soon())?.success());
    Ok(())
}

#[test]
fn a_socket_that_nobody_serves_any_more_is_replaced_and_no_other_file() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let path = folder.path().join("agent.sock");
    drop(UnixListener::bind(&path)?);
    let agent = Program::start_in(folder, &ours()?, &[])?;
    // Until it is replaced, nobody is there.
    let stream = soon().poll("the agent", || Ok(UnixStream::connect(&path).ok()))?;
    synchronise(&mut Client::over(stream), 1)?;
    drop(agent);

    let folder = PrivateFolder::new()?;
    let path = folder.path().join("agent.sock");
    fs::write(&path, "precious")?;
    let mut agent = Program::start_in(folder, &ours()?, &[])?;
    ensure!(!agent.wait(soon())?.success());
    ensure!(agent.said().contains("Address already in use"), "{}", agent.said());
    ensure!(fs::read_to_string(path)? == "precious");
    Ok(())
}

#[test]
fn a_socket_that_systemd_listens_at_is_served() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let path = folder.path().join("activated.sock");
    let socket = UnixListener::bind(&path)?;
    // As systemd does: the socket is descriptor 3, and the variables name the process that it is for.
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 </dev/null";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(ours()?.program()).arg("-t").arg(folder.path());
    let mut child = shell.stdin(Stdio::from(std::os::fd::OwnedFd::from(socket))).spawn()?;
    let outcome = Client::connect(&path, soon()).and_then(|mut client| synchronise(&mut client, 7));
    child.kill()?;
    child.wait()?;
    outcome
}

#[test]
fn a_vsock_address_that_is_none_is_refused() -> Result<()> {
    for address in ["3", "3:", "x:1", "-1:2:3"] {
        let mut agent = ours()?.command();
        agent.args(["-m", "vsock-listen", "-p", address, "-t", "/tmp"]).stderr(Stdio::piped());
        let output = agent.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success() && said.contains("CID:PORT"), "{address}: {said}");
    }
    Ok(())
}

/// What of a command set is enabled.
fn enabled(client: &mut Client) -> Result<Vec<String>> {
    let info = client.execute("guest-info", json!({}), soon())?;
    let commands = info["supported_commands"].as_array().context("no commands")?;
    Ok(commands
        .iter()
        .filter(|command| command["enabled"] == true)
        .filter_map(|command| command["name"].as_str().map(String::from))
        .collect())
}

#[test]
fn blocked_commands_are_those_that_qemu_ga_blocks() -> Result<()> {
    let arguments = ["-b", "guest-sync,guest-ping", "--block-rpcs=guest-no-such-command"];
    let mut lists = Vec::new();
    for program in [ours()?, reference()?] {
        let agent = Program::start(&program, &arguments)?;
        let mut client = agent.connect()?;
        let reply = client.request(r#"{"execute":"guest-ping","id":1}"#, soon())?.json()?;
        ensure!(reply["error"]["class"] == "CommandNotFound" && reply["id"] == 1, "{reply}");
        lists.push(enabled(&mut client)?);
    }
    for name in &lists[0] {
        // What is newer than the reference is enabled, too.
        ensure!(!["guest-sync", "guest-ping"].contains(&&**name), "{name} is enabled");
    }
    ensure!(lists[0].iter().any(|name| name == "guest-info") && lists[1].iter().any(|name| name == "guest-info"));
    Ok(())
}

#[test]
fn only_allowed_commands_are_enabled_and_of_those_none_that_is_blocked() -> Result<()> {
    let agent = Program::start(&ours()?, &["-a", "guest-info,guest-ping,guest-sync", "-b", "guest-sync"])?;
    let mut client = agent.connect()?;
    let mut names = enabled(&mut client)?;
    names.sort_unstable();
    ensure!(names == ["guest-info", "guest-ping"], "{names:?}");
    let reply = client.request(r#"{"execute":"guest-sync-delimited","arguments":{"id":1}}"#, soon())?.json()?;
    let desc = "Command guest-sync-delimited has been disabled: the command is not allowed";
    ensure!(reply["error"] == json!({"class": "CommandNotFound", "desc": desc}), "{reply}");
    Ok(())
}

#[test]
fn the_version_is_what_it_is_told_to_be() -> Result<()> {
    let agent = Program::start(&ours()?, &["--report-version", "10.2.0"])?;
    let info = agent.connect()?.execute("guest-info", json!({}), soon())?;
    ensure!(info["version"] == "10.2.0", "{info}");
    Ok(())
}
