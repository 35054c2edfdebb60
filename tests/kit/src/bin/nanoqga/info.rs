//! `nanoqga info`

use std::io::{Write, stdout};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use nanoqga_testkit::agent::Agent;
use nanoqga_testkit::client::printable;
use nanoqga_testkit::commands::{FileSystem, Info, Interface, OsInfo, TimeZone};
use nanoqga_testkit::error::{Error, Kind};
use serde_json::{Map, Value};

use crate::status::Status;
use crate::target::Target;

/// Show what the guest says of itself
///
/// That is its agent, system, clock, addresses and file systems, as far as it has commands for them. With --json, all that
/// these commands return, each under its name.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// What is asked for --json.
const ASKED: [&str; 9] = [
    "guest-get-osinfo",
    "guest-get-host-name",
    "guest-get-time",
    "guest-get-timezone",
    "guest-get-load",
    "guest-get-users",
    "guest-get-vcpus",
    "guest-network-get-interfaces",
    "guest-get-fsinfo",
];

pub(crate) fn main(target: &Target, json: bool) -> Result<Status> {
    let mut agent = target.agent()?;
    let info = agent.info()?;
    if json {
        let mut all = Map::from_iter([("guest-info".into(), agent.execute("guest-info", None)?)]);
        for name in ASKED {
            if let Some(value) = known(&info, name, || agent.execute(name, None))? {
                all.insert(name.into(), value);
            }
        }
        writeln!(stdout(), "{}", Value::Object(all))?;
        return Ok(Status::Done);
    }
    let mut out = stdout().lock();
    for (name, text) in lines(&mut agent, &info)? {
        writeln!(out, "{name:<12} {}", printable(&text))?;
    }
    Ok(Status::Done)
}

/// What is printed: names and texts.
fn lines(agent: &mut Agent, info: &Info) -> Result<Vec<(&'static str, String)>> {
    let mut lines = vec![("agent", agent_line(info))];
    if let Some(name) = known(info, "guest-get-host-name", || agent.host_name())? {
        lines.push(("host name", name));
    }
    if let Some(os) = known(info, "guest-get-osinfo", || agent.os_info())? {
        lines.push(("system", system(&os)));
    }
    if let Some(processors) = known(info, "guest-get-vcpus", || agent.processors())? {
        let online = processors.iter().filter(|processor| processor.online).count();
        lines.push(("processors", format!("{online} of {} online", processors.len())));
    }
    if let Some(load) = known(info, "guest-get-load", || agent.load())? {
        lines.push(("load", format!("{} {} {}", load.one_minute, load.five_minutes, load.fifteen_minutes)));
    }
    if let Some(time) = known(info, "guest-get-time", || agent.time())? {
        lines.push(("clock", clock(time, SystemTime::now())));
    }
    if let Some(zone) = known(info, "guest-get-timezone", || agent.time_zone())? {
        lines.push(("time zone", time_zone(&zone)));
    }
    if let Some(users) = known(info, "guest-get-users", || agent.users())? {
        let names: Vec<_> = users.into_iter().map(|user| user.name).collect();
        lines.push(("logged in", if names.is_empty() { "nobody".into() } else { names.join(", ") }));
    }
    let interfaces = known(info, "guest-network-get-interfaces", || agent.interfaces())?;
    lines.extend(interfaces.iter().flatten().map(|interface| ("interface", addresses(interface))));
    let systems = known(info, "guest-get-fsinfo", || agent.file_systems())?;
    lines.extend(systems.iter().flatten().map(|system| ("file system", file_system(system))));
    Ok(lines)
}

/// Asks for something that the agent has a command for. That it refuses is no failure: it may have no answer today.
fn known<T>(info: &Info, command: &str, ask: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    if !info.has(command) {
        return Ok(None);
    }
    match ask() {
        Ok(value) => Ok(Some(value)),
        Err(error) if Error::kind_of(&error) == Some(Kind::Refused) => {
            eprintln!("nanoqga: {error:#}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn agent_line(info: &Info) -> String {
    let disabled = info.commands.iter().filter(|command| !command.enabled).count();
    let line = format!("version {}, {} commands", info.version, info.commands.len());
    if disabled == 0 { line } else { format!("{line}, {disabled} of them disabled") }
}

fn system(os: &OsInfo) -> String {
    let name = os.pretty_name.as_ref().or(os.name.as_ref()).or(os.id.as_ref());
    let kernel = os.kernel_release.as_ref().map(|release| format!("kernel {release}"));
    [name.cloned(), kernel, os.machine.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How far the guest's clock, in nanoseconds since 1970, is from ours.
fn clock(time: i64, ours: SystemTime) -> String {
    let ours = ours.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let ahead = time as f64 / 1e9 - ours;
    match ahead {
        -0.5..=0.5 => "as this host's".into(),
        ..0.0 => format!("{:.1} s behind this host's", -ahead),
        _ => format!("{ahead:.1} s ahead of this host's"),
    }
}

fn time_zone(zone: &TimeZone) -> String {
    let minutes = zone.offset.unsigned_abs() / 60;
    let sign = if zone.offset < 0 { '-' } else { '+' };
    let offset = format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    zone.zone.as_ref().map_or_else(|| offset.clone(), |name| format!("{name}, {offset}"))
}

fn addresses(interface: &Interface) -> String {
    let addresses = interface.ip_addresses.iter().map(|address| format!("{}/{}", address.ip_address, address.prefix));
    let hardware = interface.hardware_address.iter().filter(|address| *address != "00:00:00:00:00:00").cloned();
    [interface.name.clone()].into_iter().chain(hardware).chain(addresses).collect::<Vec<_>>().join(" ")
}

fn file_system(system: &FileSystem) -> String {
    let size = match (system.used_bytes, system.total_bytes) {
        (Some(used), Some(total)) => {
            format!(", {} of {} used", indicatif::HumanBytes(used), indicatif::HumanBytes(total))
        }
        _ => String::new(),
    };
    format!("{} ({} on {}){size}", system.mountpoint, system.kind, system.name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_clock_is_compared_with_ours() {
        let ours = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        assert_eq!(clock(1_000_000_000_100_000_000, ours), "as this host's");
        assert_eq!(clock(1_000_000_003_000_000_000, ours), "3.0 s ahead of this host's");
        assert_eq!(clock(999_999_990_000_000_000, ours), "10.0 s behind this host's");
        assert_eq!(clock(i64::MIN, ours), "10223372036.9 s behind this host's");
    }

    #[test]
    fn a_time_zone_has_hours_and_minutes_of_either_sign() {
        let zone = |zone: Option<&str>, offset| time_zone(&TimeZone { zone: zone.map(String::from), offset });
        assert_eq!(zone(Some("IST"), 19_800), "IST, UTC+05:30");
        assert_eq!(zone(None, -3600), "UTC-01:00");
        assert_eq!(zone(None, i64::MIN), "UTC-2562047788015215:30");
    }
}
