//! Every command once, by a client that nobody here wrote, and the exact bytes of some replies.

use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Machine;
use qapi::{Command, ErrorClass, ExecuteError, Qga, Stream, qga};
use tests::time::has_gone_on;
use tests::{Booted, soon};

use crate::rows::Row;

pub type Client = Qga<Stream<BufReader<UnixStream>, UnixStream>>;

/// What the nano image has, sorted.
const COMMANDS: [&str; 13] = [
    "guest-get-fsinfo",
    "guest-get-host-name",
    "guest-get-osinfo",
    "guest-get-time",
    "guest-get-timezone",
    "guest-get-users",
    "guest-info",
    "guest-network-get-interfaces",
    "guest-ping",
    "guest-set-time",
    "guest-shutdown",
    "guest-sync",
    "guest-sync-delimited",
];

/// A moment in 2001, in nanoseconds.
const PAST: i64 = 1_000_000_000_000_000_000;

/// The tour, with the `qapi` crate's client and types.
pub fn with_qapi(row: Row) -> Result<()> {
    through(row.boot()?, row.machine).map(drop)
}

/// The same with a guest that runs; gives it back, without a host.
pub fn through(Booted { agent, guest }: Booted, machine: &str) -> Result<Guest> {
    let mut client = foreign(agent)?;
    execute(&mut client, qga::guest_ping {})?;
    let info = execute(&mut client, qga::guest_info {})?;
    ensure!(info.version.split('.').count() == 3, "version {}", info.version);
    ensure!(info.version.split('.').all(|number| number.parse::<u8>().is_ok()), "version {}", info.version);
    ensure!(info.supported_commands.iter().all(|command| command.enabled));
    let silent: Vec<_> = info.supported_commands.iter().filter(|command| !command.success_response).collect();
    ensure!(silent.len() == 1 && silent[0].name == "guest-shutdown", "without a reply on success: {silent:?}");
    let mut names: Vec<_> = info.supported_commands.iter().map(|command| command.name.as_str()).collect();
    names.sort_unstable();
    ensure!(names == COMMANDS, "guest-info lists {names:?}");

    let os = execute(&mut client, qga::guest_get_osinfo {})?;
    ensure!(os.id.as_deref() == Some("nanoqga"), "{os:?}");
    ensure!(os.machine.as_deref() == Some(Machine::named(machine)?.architecture()), "{os:?}");
    let host = execute(&mut client, qga::guest_get_host_name {})?;
    ensure!(!host.host_name.is_empty());
    ensure!(execute(&mut client, qga::guest_network_get_interfaces {})?.is_empty());
    ensure!(execute(&mut client, qga::guest_get_fsinfo {})?.is_empty());
    ensure!(execute(&mut client, qga::guest_get_users {})?.is_empty());
    let zone = execute(&mut client, qga::guest_get_timezone {})?;
    ensure!(zone.offset == 0, "{zone:?}");

    ensure!(execute(&mut client, qga::guest_get_time {})? > PAST);
    let start = Instant::now();
    execute(&mut client, qga::guest_set_time { time: Some(PAST) })?;
    has_gone_on(PAST, start, execute(&mut client, qga::guest_get_time {})?)?;

    // A command of the schema that only Windows guests have.
    match client.execute(&qga::guest_get_devices {}) {
        Err(ExecuteError::Qapi(error)) => ensure!(error.class == ErrorClass::CommandNotFound, "{error}"),
        other => bail!("an unknown command was answered by {other:?}"),
    }
    execute(&mut client, qga::guest_ping {}).with_context(|| guest.tails())?;
    Ok(guest)
}

/// The `qapi` crate's client, in the place of ours.
pub fn foreign(agent: nanoqga_testkit::client::Client) -> Result<Client> {
    let stream = agent.into_stream()?;
    stream.set_read_timeout(Some(soon().limit()))?;
    let mut client = Qga::new(Stream::new(BufReader::new(stream.try_clone()?), stream));
    client.guest_sync(0x1234_5678).context("guest_sync")?;
    Ok(client)
}

/// Runs a command.
pub fn execute<C: Command>(client: &mut Client, command: C) -> Result<C::Ok> {
    client.execute(&command).map_err(|error| anyhow!("{}: {error}", C::NAME))
}

/// The bytes that clients match with regular expressions and line readers.
pub fn transcript(row: Row) -> Result<()> {
    says_these_bytes(&mut row.boot()?)
}

/// The same with a guest that runs.
pub fn says_these_bytes(booted: &mut Booted) -> Result<()> {
    booted.transcript(&[
        (r#"{"execute":"guest-ping"}"#, r#"{"return": {}}"#),
        (r#"{"execute":"guest-ping","id":"a/é"}"#, r#"{"return": {}, "id": "a/\u00E9"}"#),
        (r#"{"execute":"guest-sync","arguments":{"id":-9223372036854775808}}"#, r#"{"return": -9223372036854775808}"#),
        (r#"{"execute":"guest-sync-delimited","arguments":{"id":42}}"#, r#"\xff{"return": 42}"#),
        (r#"{"execute":"guest-get-timezone","arguments":{}}"#, r#"{"return": {"zone":"UTC","offset":0}}"#),
        (
            r#"{"execute":"guest-bogus","id":7}"#,
            r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-bogus has not been found"}, "id": 7}"#,
        ),
        (
            r#"{"execute":"guest-sync"}"#,
            r#"{"error": {"class": "GenericError", "desc": "Parameter 'id' is missing"}}"#,
        ),
        // The missing parenthesis is the reference agent's.
        (
            r#"{"execute":"guest-shutdown","arguments":{"mode":"sideways"}}"#,
            r#"{"error": {"class": "GenericError", "desc": "mode is invalid (valid values are: halt|powerdown|reboot"}}"#,
        ),
    ])
}
