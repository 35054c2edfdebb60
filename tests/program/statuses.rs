//! The exit statuses that are not of a program in the guest, and those that are.

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tests::soon;

use crate::agents::{Agent, with_both};
use crate::run::{Killed, command, run};

with_both![
    a_programs_status_is_ours,
    a_reader_that_has_read_enough_changes_no_status,
    a_program_that_takes_too_long_is_status_124,
    what_the_agent_refuses_is_status_125,
    a_guest_that_is_lost_is_status_255,
];

fn a_programs_status_is_ours(agent: &Agent) -> Result<()> {
    for (script, status) in [("exit 0", 0), ("exit 1", 1), ("exit 77", 77), ("exit 254", 254), ("kill -9 $$", 137)] {
        let said = agent.nanoqga(&["exec", "--", "sh", "-c", script])?;
        ensure!(said.status == status, "{script}: {said:?}");
    }
    Ok(())
}

fn a_reader_that_has_read_enough_changes_no_status(agent: &Agent) -> Result<()> {
    let script = "yes | head -c 1000000; echo done >&2; exit 3";
    let mut nanoqga = command(&["--socket", agent.socket(), "exec", "--", "sh", "-c", script])?;
    let mut child = Killed(nanoqga.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?);
    drop(child.0.stdout.take());
    let mut said = String::new();
    child.0.stderr.take().context("a piped child has a stderr")?.read_to_string(&mut said)?;
    let status = soon().poll("the end of the program", || Ok(child.0.try_wait()?))?;
    ensure!(status.code() == Some(3) && said == "done\n", "{status}: {said}");
    Ok(())
}

fn a_program_that_takes_too_long_is_status_124(agent: &Agent) -> Result<()> {
    // It ends when its stdout has no reader any more, which is when the agent ends.
    let endless = ["--timeout", "0.5", "exec", "--", "sh", "-c", "while echo; do sleep 0.1; done"];
    agent.nanoqga(&endless)?.failed(124, "sh may still run in the guest, as process ")?;
    agent.nanoqga(&["ping"])?.ok().map(drop)
}

fn what_the_agent_refuses_is_status_125(agent: &Agent) -> Result<()> {
    agent.nanoqga(&["exec", "/no/such/program"])?.failed(125, "nanoqga: guest-exec: ")?;
    agent.nanoqga(&["shutdown"])?.failed(125, "nanoqga: guest-shutdown: ")?;
    let file = agent.path("file").display().to_string();
    agent.nanoqga(&["pull", "/no/such/file", &file])?.failed(125, "No such file or directory")?;
    ensure!(!agent.path("file").exists(), "a file was made that has nothing in it");
    agent.nanoqga(&["push", "/dev/null", "/no/such/folder/file"])?.failed(125, "No such file or directory")?;
    agent.nanoqga(&["push", "/no/such/file", &file])?.failed(125, "cannot open /no/such/file")
}

fn a_guest_that_is_lost_is_status_255(agent: &Agent) -> Result<()> {
    // The program's parent is the agent.
    let said = agent.nanoqga(&["exec", "--", "sh", "-c", "kill -9 $PPID"])?;
    ensure!(said.status == 255, "process {}: {said:?}", agent.pid());
    Ok(())
}

#[test]
fn what_makes_no_sense_is_status_125() -> Result<()> {
    run(&["walk"])?.failed(125, "unrecognized subcommand 'walk'")?;
    run(&["--vsock", "3", "ping"])?.failed(125, "'3' is not CID:PORT")?;
    run(&["ping"])?.failed(125, "which agent?")?;
    run(&["--socket", "/no/such/socket", "ping"])?.failed(125, "cannot connect to /no/such/socket: No such file")
}

#[test]
fn help_is_no_failure() -> Result<()> {
    let said = run(&["--help"])?.ok()?;
    for word in ["--socket", "--libvirt", "--vsock", "exec", "124", "255", "org.qemu.guest_agent.0"] {
        ensure!(said.stdout.contains(word), "{said:?}");
    }
    Ok(())
}

#[test]
fn a_socket_without_an_agent_is_status_124() -> Result<()> {
    let folder = nanoqga_testkit::folder::PrivateFolder::new()?;
    let path = folder.path().join("agent.sock");
    let _listener = UnixListener::bind(&path)?;
    let said = run(&["--socket", &path.display().to_string(), "--timeout", "0.3", "ping"])?;
    said.failed(124, "is an agent running in the guest, and does no other host hold the channel?")
}

#[test]
fn a_vsock_address_that_nobody_has_is_status_125() -> Result<()> {
    run(&["--vsock", "4294967294:1", "ping"])?.failed(125, "cannot connect to vsock 4294967294:1: ")
}
