//! Life and end of the process: daemon, pid file, signals, the frozen state.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::deadline::{Deadline, SOON};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::finish;
use tests::program::{ours, reference, signal};
use tests::{Program, soon};

/// How long an agent is watched that should not end.
const WATCHED: Duration = Duration::from_millis(300);

#[test]
fn sigterm_and_sigint_end_it_with_success() -> Result<()> {
    for name in ["TERM", "INT"] {
        let mut agent = Program::start(&ours()?, &[])?;
        // Also while a client is there.
        let mut client = agent.connect()?;
        tests::booted::synchronise(&mut client, 1)?;
        agent.signal(name)?;
        let status = agent.wait(soon())?;
        ensure!(status.success(), "SIG{name}: {status}");
    }
    Ok(())
}

#[test]
fn an_agent_that_finds_file_systems_frozen_serves_what_writes_nothing_and_stays() -> Result<()> {
    for program in [ours()?, reference()?] {
        let folder = PrivateFolder::new()?;
        fs::write(folder.path().join("qga.state.isfrozen"), "")?;
        let mut agent = Program::start_in(folder, &program, &[])?;
        let mut client = agent.connect()?;
        let mut class = |command: &str| -> Result<String> {
            let reply = client.request(&format!(r#"{{"execute":"{command}"}}"#), soon())?.json()?;
            Ok(reply["error"]["class"].as_str().map_or_else(|| reply["return"].to_string(), String::from))
        };
        ensure!(class("guest-ping")? == "{}");
        ensure!(class("guest-fsfreeze-status")? == "\"frozen\"");
        ensure!(class("guest-get-host-name")? == "CommandNotFound");
        agent.signal("TERM")?;
        soon().poll("a signal that is taken", || Ok((!has_pending_signals(agent.pid())?).then_some(())))?;
        ensure!(class("guest-ping")? == "{}", "{} ended", program.program().display());
        // It cannot be asked what it will do next: it is watched, and a busy host only sees less.
        ensure!(agent.wait(Deadline::after(WATCHED)).is_err());
        ensure!(class("guest-ping")? == "{}", "{} ended", program.program().display());
    }
    Ok(())
}

fn has_pending_signals(pid: u32) -> Result<bool> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let pending = |line: &&str| line.starts_with("SigPnd:") || line.starts_with("ShdPnd:");
    Ok(!status.lines().filter(pending).all(|line| line.ends_with("\t0000000000000000")))
}

#[test]
fn what_is_blocked_stays_blocked_while_file_systems_are_frozen() -> Result<()> {
    // qemu-ga has allowed it then since QEMU 9.1, against the words of whoever blocked it.
    let folder = PrivateFolder::new()?;
    fs::write(folder.path().join("qga.state.isfrozen"), "")?;
    let agent = Program::start_in(folder, &ours()?, &["--block-rpcs", "guest-fsfreeze-thaw"])?;
    let reply = agent.connect()?.request(r#"{"execute":"guest-fsfreeze-thaw"}"#, soon())?.json()?;
    ensure!(reply["error"]["class"] == "CommandNotFound", "{reply}");
    Ok(())
}

/// A daemon, which no handle ends: it is ended by its pid file.
struct Daemon<'a>(&'a Path);

impl Daemon<'_> {
    fn pid(&self) -> Result<u32> {
        let text = fs::read_to_string(self.0.join("pid"))?;
        text.trim().parse().with_context(|| format!("'{text}' is no process id"))
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        // It has ended if all went well.
        let _ = self.pid().and_then(|pid| signal(pid, "KILL"));
    }
}

#[test]
fn a_daemon_has_a_locked_pid_file_until_its_end() -> Result<()> {
    let mut first = Program::start(&ours()?, &["-d", "-l", "/dev/null"])?;
    let folder = first.folder().to_owned();
    ensure!(first.wait(soon())?.success(), "{}", first.said());
    let mut client = first.connect()?;
    tests::booted::synchronise(&mut client, 1)?;
    let daemon = Daemon(&folder);
    let pid = daemon.pid()?;
    ensure!(pid != first.pid());
    // It has left its terminal, its directory and its standard descriptors.
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}"));
    ensure!(link("cwd")? == Path::new("/") && link("fd/2")? == Path::new("/dev/null"));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let session = stat.rsplit(')').next().and_then(|rest| rest.split(' ').nth(4));
    ensure!(session == Some(&*pid.to_string()), "{stat}");

    // A second one does not take the file over, and says why.
    let mut second = ours()?.command();
    second.args(["-d", "-m", "unix-listen", "-t"]).arg(&folder).arg("-f").arg(folder.join("pid"));
    second.arg("-p").arg(folder.join("other.sock")).stderr(fs::File::create(folder.join("second"))?);
    finish(&mut second, SOON)?;
    soon().poll("the second daemon's complaint", || {
        let said = fs::read_to_string(folder.join("second"))?;
        Ok(said.contains("cannot write the pid file").then_some(()))
    })?;
    ensure!(daemon.pid()? == pid && !folder.join("other.sock").exists());

    signal(pid, "TERM")?;
    soon().poll("the end of the pid file", || Ok((!folder.join("pid").exists()).then_some(())))
}

#[test]
fn a_verbose_agent_logs_to_its_file() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let log = folder.path().join("log");
    let agent = Program::start(&ours()?, &["-v", "-l", &log.to_string_lossy()])?;
    drop(agent.connect()?);
    soon().poll("a line in the log", || {
        Ok(fs::read_to_string(&log)?.contains(": debug: the client is gone\n").then_some(()))
    })?;
    ensure!(agent.said().is_empty(), "{}", agent.said());
    Ok(())
}

#[test]
fn an_agent_that_finds_file_systems_frozen_has_its_pid_file_and_log_when_they_are_thawed() -> Result<()> {
    let folder = PrivateFolder::new()?;
    fs::write(folder.path().join("qga.state.isfrozen"), "")?;
    let log = folder.path().join("log");
    let agent = Program::start_in(folder, &ours()?, &["-d", "-v", "-l", &log.to_string_lossy()])?;
    let folder = agent.folder().to_owned();
    let mut client = agent.connect()?;
    let daemon = Daemon(&folder);
    ensure!(!log.exists() && daemon.pid().is_err());
    client.request(r#"{"execute":"guest-fsfreeze-thaw"}"#, soon())?;
    soon().poll("the pid file and the log", || Ok((log.exists() && daemon.pid().is_ok()).then_some(())))?;
    drop(client);
    soon().poll("a line in the log", || {
        Ok(fs::read_to_string(&log)?.contains(": debug: the client is gone\n").then_some(()))
    })
}
