//! The C kernel under QEMU. Its agent's port is the machine's only UART.

use anyhow::{Result, ensure};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::qemu::Config;
use serde_json::json;
use tests::booted::synchronise_after_firmware;
use tests::hosts::come_and_go;
use tests::recorded::{commands, hold_all};
use tests::{Booted, soon};

use crate::built::kernel;

/// Years in nanoseconds, the shorter way round.
const YEAR: i64 = 365 * 86_400 * 1_000_000_000;

fn boot(machine: &str) -> Result<Booted> {
    let machine = Machine::named(machine)?;
    let mut guest = Guest::start(&Config::new(machine, Channel::Com1, &kernel(machine)?))?;
    let mut agent = guest.connect(soon())?;
    // On riscv64 firmware speaks there before, and takes what it is told.
    synchronise_after_firmware(&mut agent, 7)?;
    Ok(Booted { agent, guest })
}

fn answers_as_hosts_expect(machine: &str) -> Result<()> {
    let mut booted = boot(machine)?;
    booted.transcript(&[
        (r#"{"execute":"guest-sync-delimited","arguments":{"id":42}}"#, r#"\xff{"return": 42}"#),
        (r#"{"execute":"guest-ping","id":"a/é"}"#, r#"{"return": {}, "id": "a/\u00E9"}"#),
        (r#"{"execute":"guest-get-host-name"}"#, r#"{"return": {"host-name":"c-kernel-1"}}"#),
        (
            r#"{"execute":"guest-bogus","id":7}"#,
            r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-bogus has not been found"}, "id": 7}"#,
        ),
        // Commands whose callbacks are NULL do not exist.
        (
            r#"{"execute":"guest-set-time"}"#,
            r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-set-time has not been found"}}"#,
        ),
        (
            r#"{"execute":"guest-get-timezone"}"#,
            r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-get-timezone has not been found"}}"#,
        ),
        (
            r#"{"execute":"guest-ping"]"#,
            r#"{"error": {"class": "GenericError", "desc": "1:24: JSON parse error, expected ',' or '}'"}}"#,
        ),
        // Its own commands.
        (r#"{"execute":"example-count"}"#, r#"{"return": 1}"#),
        (r#"{"execute":"example-count","arguments":{},"id":[1]}"#, r#"{"return": 2, "id": [1]}"#),
        (
            r#"{"execute":"example-count","arguments":{"a":1}}"#,
            r#"{"error": {"class": "GenericError", "desc": "example-count takes no arguments"}}"#,
        ),
        (
            r#"{"execute":"example-echo","arguments":{"a":[1,{"b":"\u00e9"}],"c":null}}"#,
            r#"{"return": {"a":[1,{"b":"\u00E9"}],"c":null}}"#,
        ),
        (
            r#"{"execute":"guest-shutdown","arguments":{"mode":"halt"}}"#,
            r#"{"error": {"class": "GenericError", "desc": "this kernel has nothing to halt"}}"#,
        ),
    ])?;
    let Booted { agent, .. } = &mut booted;
    let names = commands(agent)?;
    let expected = [
        "guest-sync",
        "guest-sync-delimited",
        "guest-ping",
        "guest-info",
        "guest-get-osinfo",
        "guest-get-host-name",
        "guest-get-time",
        "guest-shutdown",
        "example-count",
        "example-echo",
    ];
    ensure!(names == expected, "{names:?}");
    let os = agent.execute("guest-get-osinfo", json!({}), soon())?;
    ensure!(os["id"] == "c-kernel" && os["machine"] == Machine::named(machine)?.architecture(), "{os}");
    let time = agent.execute("guest-get-time", json!({}), soon())?;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_nanos();
    let apart = time.as_i64().map(|time| time.abs_diff(i64::try_from(now).unwrap_or(0)));
    ensure!(apart.is_some_and(|apart| apart < YEAR.unsigned_abs() / 365), "{time} is not about {now}");
    hold_all(agent)
}

fn hosts_come_and_go(machine: &str) -> Result<()> {
    come_and_go(boot(machine)?, true).map(drop)
}

fn goes_down(machine: &str) -> Result<()> {
    for mode in ["powerdown", "reboot"] {
        let Booted { mut agent, mut guest } = boot(machine)?;
        let request = format!("{{\"execute\":\"guest-shutdown\",\"arguments\":{{\"mode\":\"{mode}\"}}}}\n");
        agent.send(request.as_bytes(), soon())?;
        let status = guest.wait(soon())?;
        ensure!(status.success(), "{mode}: {status}");
    }
    Ok(())
}

macro_rules! on {
    ($($machine:ident: $name:literal)*) => {$(
        mod $machine {
            use anyhow::Result;

            #[test]
            fn answers_as_hosts_expect() -> Result<()> {
                super::answers_as_hosts_expect($name)
            }

            #[test]
            fn hosts_come_and_go() -> Result<()> {
                super::hosts_come_and_go($name)
            }

            #[test]
            fn goes_down() -> Result<()> {
                super::goes_down($name)
            }
        }
    )*};
}

on! {
    q35: "q35"
    riscv64_virt: "riscv64-virt"
}
