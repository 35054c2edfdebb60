//! What every domain goes through, from its creation to its end.

use anyhow::{Context, Result, anyhow, ensure};
use nanoqga_testkit::client::Client;
use serde_json::json;
use tests::booted::{resynchronise_after_another, synchronise_after_firmware};
use tests::recorded;

use crate::host::{Host, Shared, emulated};
use crate::rows::{Power, Row, Save};

/// For how many seconds a domain is watched, and how many it may run meanwhile: xl tells tenths.
const WATCHED: &str = "5";
const IDLE: f64 = 0.1;

/// How many requests are sent at once.
const MANY: usize = 2000;

/// Creates the domain and goes through everything.
pub fn of(row: Row) -> Result<()> {
    let shared = Shared::find()?;
    let mut host = shared.turn();
    let result = through(&mut host, row);
    let name = row.name;
    let result = result.map_err(|error| anyhow!("{error:#}\n{}", host.tails()));
    // A row that has failed leaves room for the next.
    host.run(&format!("xl destroy {name} 2>/dev/null; true"))?;
    result
}

fn through(host: &mut Host, row: Row) -> Result<()> {
    let name = row.name;
    host.write(&format!("/run/{name}.cfg"), &row.configuration())?;
    host.run(&format!("xl create /run/{name}.cfg"))?;
    let mut agent = answering(host, row).context("after xl create")?;
    recorded::hold_all(&mut agent)?;
    many_requests(&mut agent)?;
    leaves(agent)?;
    let mut agent = host.connect(&row.socket())?;
    resynchronise_after_another(&mut agent, 1).context("after a host that left")?;
    if row.sleeps {
        sleeps(host, name)?;
    }
    host.run(&format!("xl pause {name}; xl unpause {name}"))?;
    ping(&mut agent).context("after xl unpause")?;
    match row.save {
        Save::Restored => {
            host.run(&format!("save_and_restore {name}"))?;
            agent = answering(host, row).context("after xl restore")?;
        }
        Save::Refused => {
            host.run(&format!("is_not_suspended {name}"))?;
            ping(&mut agent).context("after it was asked to suspend itself")?;
        }
    }
    goes_down(host, row, &mut agent, "reboot", "restarted")?;
    let mut agent = answering(host, row).context("after it was restarted")?;
    goes_down(host, row, &mut agent, "shutdown", "ended")?;
    let log = host.run(&format!("cat /var/log/xen/xl-{name}.log"))?;
    ensure!(log.contains("has shut down, reason code 0 "), "{log}");
    Ok(())
}

/// Has the domain restart, or switch itself off, and waits until domain 0's shell has seen that.
fn goes_down(host: &mut Host, row: Row, agent: &mut Client, how: &str, seen: &str) -> Result<()> {
    let name = row.name;
    let number = host.run(&format!("xl domid {name}"))?;
    match (row.power, how) {
        (Power::Tools, _) => drop(host.run(&format!("xl {how} {name}"))?),
        (Power::Button, "shutdown") => drop(host.run(&format!("xl shutdown -F {name}"))?),
        (_, "shutdown") => agent.send(b"{\"execute\":\"guest-shutdown\"}\n", emulated())?,
        _ => agent.send(b"{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"reboot\"}}\n", emulated())?,
    }
    host.run(&format!("{seen} {name} {}", number.trim())).map(drop)
}

/// A host of an agent that has answered.
fn answering(host: &mut Host, row: Row) -> Result<Client> {
    let mut agent = host.connect(&row.socket())?;
    synchronise_after_firmware(&mut agent, 1)?;
    ping(&mut agent)?;
    Ok(agent)
}

fn ping(agent: &mut Client) -> Result<()> {
    ensure!(agent.execute("guest-ping", json!({}), emulated())? == json!({}));
    Ok(())
}

/// None of many requests in one write is lost.
fn many_requests(agent: &mut Client) -> Result<()> {
    let requests: String = (0..MANY).map(|id| format!("{{\"execute\":\"guest-ping\",\"id\":{id}}}\n")).collect();
    agent.send(requests.as_bytes(), emulated())?;
    for id in 0..MANY {
        let line = String::from_utf8(agent.line(emulated())?)?;
        ensure!(line == format!("{{\"return\": {{}}, \"id\": {id}}}"), "{line} came as reply {id}");
    }
    Ok(())
}

/// A host leaves in the middle of a request.
fn leaves(mut agent: Client) -> Result<()> {
    agent.send(br#"{"execute":"guest-sync","arguments":{"id":"#, emulated())
}

/// The domain does not run while it has nothing to do.
fn sleeps(host: &mut Host, name: &str) -> Result<()> {
    let list = format!("xl list {name}");
    let said = host.run(&format!("{list}; sleep {WATCHED}; {list}"))?;
    let times: Vec<f64> = said
        .lines()
        .filter(|line| line.starts_with(name))
        .filter_map(|line| line.split_whitespace().last()?.parse().ok())
        .collect();
    let [before, after] = times[..] else { anyhow::bail!("no times in {said}") };
    ensure!(after - before <= IDLE + f64::EPSILON * after, "it ran {before} to {after} s while idle for {WATCHED} s");
    Ok(())
}
