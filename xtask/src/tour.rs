//! The conversation `cargo xtask run` shows: each command of the image, its reply, and how long that took.

use anyhow::{Result, bail};
use console::style;
use nanoqga_testkit::agent::Agent;
use nanoqga_testkit::client::{Reply, request_line};
use serde_json::{Value, json};

/// How far guest-set-time sets the clock forward: an hour, in nanoseconds.
const CLOCK_STEP: i64 = 3_600_000_000_000;

/// Where a stop's arguments come from.
enum Arguments {
    None,
    Fixed(fn() -> Value),
    /// The time that guest-get-time returned, and [`CLOCK_STEP`].
    LaterTime,
}

/// The stops, in their order. guest-shutdown is not one of them: it ends the tour.
const STOPS: [(&str, Arguments); 21] = [
    ("guest-sync-delimited", Arguments::Fixed(|| json!({"id": 20_261_122}))),
    ("guest-sync", Arguments::Fixed(|| json!({"id": -1}))),
    ("guest-ping", Arguments::None),
    ("guest-info", Arguments::None),
    ("guest-get-osinfo", Arguments::None),
    ("guest-get-host-name", Arguments::None),
    ("guest-get-timezone", Arguments::None),
    ("guest-get-time", Arguments::None),
    ("guest-set-time", Arguments::LaterTime),
    ("guest-get-time", Arguments::None),
    ("guest-get-vcpus", Arguments::None),
    // It is online already: a guest that can change nothing does this, too.
    ("guest-set-vcpus", Arguments::Fixed(|| json!({"vcpus": [{"logical-id": 0, "online": true}]}))),
    ("guest-get-cpustats", Arguments::None),
    ("guest-get-load", Arguments::None),
    ("guest-get-memory-block-info", Arguments::None),
    ("guest-get-memory-blocks", Arguments::None),
    ("guest-set-memory-blocks", Arguments::Fixed(|| json!({"mem-blks": [{"phys-index": 0, "online": true}]}))),
    // The reply comes when there is a lease.
    ("nanoqga-network-configure", Arguments::Fixed(|| json!({"name": "eth0", "dhcp": true}))),
    ("guest-network-get-interfaces", Arguments::None),
    ("guest-network-get-route", Arguments::None),
    ("nanoqga-log", Arguments::None),
];

/// Asks for every command the image has, and for one that no image has, and shows what is said.
///
/// # Errors
/// When a command has no reply in time, or an unexpected error in it.
pub(crate) fn tour(agent: &mut Agent) -> Result<()> {
    let info = agent.info()?;
    let listed: Vec<_> = info.commands.iter().map(|command| command.name.as_str()).collect();
    let mut clock = None;
    for (command, arguments) in &STOPS {
        if !listed.contains(command) {
            continue;
        }
        let arguments = match arguments {
            Arguments::None => None,
            Arguments::Fixed(arguments) => Some(arguments()),
            Arguments::LaterTime => clock.map(|time: i64| json!({"time": time + CLOCK_STEP})),
        };
        let reply = exchange(agent, command, arguments)?.json()?;
        if reply.get("error").is_some() {
            bail!("{command} answered an error: {}", reply["error"]);
        }
        if *command == "guest-get-time" {
            clock = reply["return"].as_i64();
        }
    }
    let reply = exchange(agent, "guest-make-coffee", None)?.json()?;
    if reply["error"]["class"] != "CommandNotFound" {
        bail!("guest-make-coffee, which no agent has, was answered by {reply} and not by CommandNotFound");
    }
    let rest: Vec<_> = listed.into_iter().filter(|name| !on_tour(name)).collect();
    if !rest.is_empty() {
        println!("Also in the image: {}\n", rest.join(", "));
    }
    Ok(())
}

/// Sends one command and shows it with its reply.
fn exchange(agent: &mut Agent, command: &str, arguments: Option<Value>) -> Result<Reply> {
    let request = request_line(command, arguments.as_ref());
    let reply = agent.raw(&request)?;
    let time = format!("{:.2} ms", reply.round_trip.as_secs_f64() * 1e3);
    println!("{}  {}", style(command).bold(), style(time).dim());
    println!("  -> {request}");
    println!("  <- {}\n", reply.text());
    Ok(reply)
}

fn on_tour(name: &str) -> bool {
    name == "guest-shutdown" || STOPS.iter().any(|(stop, _)| *stop == name)
}
