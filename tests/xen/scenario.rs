//! What every domain goes through, from its creation to its end.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::Deadline;
use serde_json::json;
use tests::booted::{resynchronise_after_another, synchronise_slowly};
use tests::recorded;

use crate::host::{Shell, emulated};
use crate::rows::{End, Row, Save};

/// For how many seconds a domain is watched, and how many it may run meanwhile: xl tells tenths.
const WATCHED: &str = "10";
const IDLE: f64 = 0.2;

/// How many seconds a clock may be off: those of Linux, in domain 0 too, go wrong where emulation makes their interrupts late.
const OFF: i64 = 60;

/// How long an answer may take before it is asked for again. What is sent too early to a serial line waits there.
const AGAIN: Duration = Duration::from_secs(5);

/// How many requests are sent at once, and how many where a byte takes a millisecond.
const MANY: usize = 2000;
const SOME: usize = 50;

/// Creates the domain and goes through everything.
pub fn of(row: Row) -> Result<()> {
    let mut shell = Shell::open()?;
    let result = through(&mut shell, row);
    let name = row.name;
    let result = result.map_err(|error| anyhow!("{error:#}\n{}", shell.tails()));
    // A row that has failed leaves room for the others.
    shell.run(&format!("xl destroy {name} 2>/dev/null; true"))?;
    result
}

fn through(shell: &mut Shell, row: Row) -> Result<()> {
    let name = row.name;
    shell.write(&format!("/run/{name}.cfg"), &row.configuration())?;
    shell.run(&format!("{} && xl create /run/{name}.cfg", row.prepare()))?;
    let mut agent = answering(shell, row).context("after xl create")?;
    if row.is_slow() {
        many_requests(&mut agent, SOME)?;
    } else {
        recorded::hold_all(&mut agent)?;
        many_requests(&mut agent, MANY)?;
    }
    leaves(agent)?;
    let mut agent = shell.connect(&row.socket())?;
    resynchronise_after_another(&mut agent, 1).context("after a host that left")?;
    sleeps(shell, row)?;
    tells_time(shell, &mut agent)?;
    pauses(shell, name)?;
    ping(&mut agent).context("after xl unpause")?;
    match row.save {
        Save::Restored => {
            shell.save_and_restore(name)?;
            agent = answering(shell, row).context("after xl restore")?;
        }
        Save::Refused => {
            shell.run(&format!("is_not_suspended {name}"))?;
            ping(&mut agent).context("after it was asked to suspend itself")?;
        }
    }
    if row.lacks_drivers() {
        cannot_be_asked(shell, name)?;
    }
    let mut starts = 1;
    for end in row.ends {
        ask(shell, name, &mut agent, *end)?;
        if !matches!(end, End::Reboot | End::AgentReboot) {
            break;
        }
        starts += 1;
        shell.run(&format!("logged {name} 'Waiting for domain' {starts}"))?;
        agent = answering(shell, row).with_context(|| format!("after {end:?}"))?;
    }
    shell.run(&format!("logged {name} 'Done. Exiting now' 1"))?;
    let log = shell.run(&format!("cat /var/log/xen/xl-{name}.log"))?;
    ensure!(log.contains("has shut down, reason code 0 "), "{log}");
    Ok(())
}

/// Has the domain restart or switch itself off.
fn ask(shell: &mut Shell, name: &str, agent: &mut Client, end: End) -> Result<()> {
    match end {
        End::Reboot => shell.run(&format!("xl reboot {name}")).map(drop),
        End::Shutdown => shell.run(&format!("xl shutdown {name}")).map(drop),
        End::Button => shell.run(&format!("xl shutdown -F {name}")).map(drop),
        End::AgentReboot => {
            agent.send(b"{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"reboot\"}}\n", emulated())
        }
        End::AgentShutdown => agent.send(b"{\"execute\":\"guest-shutdown\"}\n", emulated()),
    }
}

/// The agent's clock shows the time of domain 0.
fn tells_time(shell: &mut Shell, agent: &mut Client) -> Result<()> {
    let mut domain_0 = || anyhow::Ok(shell.run("date +%s")?.trim().parse::<i64>()?);
    let before = domain_0()?;
    let told = agent.execute("guest-get-time", json!({}), emulated())?.as_i64().context("no number")? / 1_000_000_000;
    let after = domain_0()?;
    ensure!((before - OFF..=after + OFF).contains(&told), "{told} s were told between {before} and {after}");
    Ok(())
}

/// A domain that is paused does not run, and one that is not does.
fn pauses(shell: &mut Shell, name: &str) -> Result<()> {
    let said = shell.run(&format!("xl pause {name}; xl list {name}; xl unpause {name}"))?;
    ensure!(said.contains("p---"), "{said}");
    Ok(())
}

/// Xen's tools say that they have no way to a domain without drivers of Xen's.
fn cannot_be_asked(shell: &mut Shell, name: &str) -> Result<()> {
    for how in ["shutdown", "reboot"] {
        let said = shell.run(&format!("! xl {how} {name}"))?;
        ensure!(said.contains("PV control interface not available"), "{said}");
    }
    Ok(())
}

/// A host of an agent that has answered.
fn answering(shell: &mut Shell, row: Row) -> Result<Client> {
    let mut agent = shell.connect(&row.socket())?;
    // Linux in an HVM domain makes its console anew some time after it was restored.
    emulated().poll("a reply behind a sync", || {
        synchronise_slowly(&mut agent, 1, AGAIN, emulated())?;
        Ok(agent.execute("guest-ping", json!({}), Deadline::after(AGAIN)).ok())
    })?;
    Ok(agent)
}

fn ping(agent: &mut Client) -> Result<()> {
    ensure!(agent.execute("guest-ping", json!({}), emulated())? == json!({}));
    Ok(())
}

/// None of many requests in one write is lost.
fn many_requests(agent: &mut Client, many: usize) -> Result<()> {
    let requests: String = (0..many).map(|id| format!("{{\"execute\":\"guest-ping\",\"id\":{id}}}\n")).collect();
    agent.send(requests.as_bytes(), emulated())?;
    for id in 0..many {
        let line = String::from_utf8(agent.line(emulated())?)?;
        ensure!(line == format!("{{\"return\": {{}}, \"id\": {id}}}"), "{line} came as reply {id}");
    }
    Ok(())
}

/// A host leaves in the middle of a request.
fn leaves(mut agent: Client) -> Result<()> {
    agent.send(br#"{"execute":"guest-sync","arguments":{"id":"#, emulated())
}

/// The domain hardly runs while it has nothing to do.
fn sleeps(shell: &mut Shell, row: Row) -> Result<()> {
    let name = row.name;
    let list = format!("xl list {name}");
    emulated().poll("a domain that is idle", || {
        let said = shell.run(&format!("{list}; sleep {WATCHED}; {list}"))?;
        let times: Vec<f64> = said
            .lines()
            .filter(|line| line.starts_with(name))
            .filter_map(|line| line.split_whitespace().last()?.parse().ok())
            .collect();
        let [before, after] = times[..] else { anyhow::bail!("no times in {said}") };
        let idle = after - before <= IDLE + f64::EPSILON * after;
        // Linux may have work of its own, and runs the longer the busier this machine is: it is watched again then.
        ensure!(idle || row.is_linux(), "it ran {before} to {after} s while idle for {WATCHED} s");
        Ok(idle.then_some(()))
    })
}
