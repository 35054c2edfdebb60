//! The conversation `cargo xtask run` shows: each command of the image, its reply, and how long that took.

use anyhow::{Result, bail};
use console::style;
use nanoqga_testkit::client::{Client, Reply, request_line, shown};
use nanoqga_testkit::deadline::soon;
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
pub(crate) fn tour(agent: &mut Client) -> Result<()> {
    let listed = commands(agent)?;
    let mut clock = None;
    for (command, arguments) in &STOPS {
        if !listed.iter().any(|name| name == command) {
            continue;
        }
        let arguments = match arguments {
            Arguments::None => None,
            Arguments::Fixed(arguments) => Some(arguments()),
            Arguments::LaterTime => clock.map(|time: i64| json!({"time": time + CLOCK_STEP})),
        };
        let reply = exchange(agent, command, arguments)?.json()?;
        if reply.get("error").is_some() {
            bail!("{command} answered an error");
        }
        if *command == "guest-get-time" {
            clock = reply["return"].as_i64();
        }
    }
    let reply = exchange(agent, "guest-make-coffee", None)?.json()?;
    if reply["error"]["class"] != "CommandNotFound" {
        bail!("an unknown command was answered by {reply}");
    }
    let rest: Vec<_> = listed.iter().filter(|name| !on_tour(name)).map(String::as_str).collect();
    if !rest.is_empty() {
        println!("Also in the image: {}\n", rest.join(", "));
    }
    Ok(())
}

/// The names of the commands the agent has.
///
/// # Errors
/// When guest-info has no reply, or one of another form.
pub(crate) fn commands(agent: &mut Client) -> Result<Vec<String>> {
    let info = agent.execute("guest-info", json!({}), soon())?;
    let Some(entries) = info["supported_commands"].as_array() else {
        bail!("guest-info lists no commands: {info}");
    };
    Ok(entries.iter().filter_map(|entry| entry["name"].as_str().map(String::from)).collect())
}

/// Sends one command and shows it with its reply.
fn exchange(agent: &mut Client, command: &str, arguments: Option<Value>) -> Result<Reply> {
    let request = request_line(command, arguments.as_ref());
    let reply = agent.request(&request, soon())?;
    let time = format!("{:.2} ms", reply.round_trip.as_secs_f64() * 1e3);
    println!("{}  {}", style(command).bold(), style(time).dim());
    println!("  -> {request}");
    show_reply(&reply.line);
    println!();
    Ok(reply)
}

/// Shows one line from the agent.
pub(crate) fn show_reply(line: &[u8]) {
    println!("  <- {}", shown(line));
}

fn on_tour(name: &str) -> bool {
    name == "guest-shutdown" || STOPS.iter().any(|(stop, _)| *stop == name)
}
