//! What every kernel must do.

use std::io::{BufRead, BufReader, Write};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::booted::{resynchronise, synchronise, transcript};
use tests::hosts::come_and_go;
use tests::processor::rests;
use tests::{Booted, soon};

use crate::kernel::Kernel;

/// How many pings are sent without waiting for their replies.
const PINGS: usize = 2000;
/// The most of a core that QEMU may take for a guest that nobody talks to.
const IDLE: f64 = 0.02;

/// It says what it is, and answers a command of its own.
pub fn says_what_it_is(kernel: &Kernel) -> Result<()> {
    let Booted { mut agent, guest: _guest } = kernel.boot()?;
    transcript(&mut agent, &[(r#"{"execute":"guest-ping"}"#, r#"{"return": {}}"#)])?;
    let os = agent.execute("guest-get-osinfo", json!({}), soon())?;
    ensure!(os["id"] == kernel.os, "guest-get-osinfo was answered by {os}");
    let (own, makes_sense) = kernel.own;
    let info = agent.execute("guest-info", json!({}), soon())?;
    let listed = info["supported_commands"].as_array().context("guest-info lists no commands")?;
    ensure!(listed.iter().any(|command| command["name"] == own), "guest-info does not list {own}: {info}");
    let answer = agent.execute(own, json!({}), soon())?;
    ensure!(makes_sense(&answer), "{own} was answered by {answer}");
    Ok(())
}

/// It answers requests that do not wait for each other, all of them and in order.
pub fn answers_pings_that_do_not_wait(kernel: &Kernel) -> Result<()> {
    let Booted { agent, guest: _guest } = kernel.boot()?;
    let stream = agent.into_stream()?;
    stream.set_read_timeout(Some(soon().limit()))?;
    let mut writer = stream.try_clone()?;
    let sending = thread::spawn(move || {
        (0..PINGS)
            .try_for_each(|id| writer.write_all(format!("{{\"execute\":\"guest-ping\",\"id\":{id}}}\n").as_bytes()))
    });
    let mut lines = BufReader::new(stream).lines();
    for id in 0..PINGS {
        let reply: Value = serde_json::from_str(&lines.next().context("the channel has ended")??)?;
        ensure!(reply == json!({"return": {}, "id": id}), "ping {id} was answered by {reply}");
    }
    sending.join().ok().context("the sender panicked")??;
    Ok(())
}

/// A request that is too long, and noise, get an error at most, and the next request its reply.
pub fn minds_no_nonsense(kernel: &Kernel) -> Result<()> {
    let Booted { mut agent, guest: _guest } = kernel.boot()?;
    let long = format!(r#"{{"execute":"guest-ping","id":"{}"}}"#, "x".repeat(kernel.longest));
    let reply = agent.request(&long, soon())?.json()?;
    ensure!(reply["error"]["class"] == "GenericError", "a request of {} bytes was answered by {reply}", long.len());
    synchronise(&mut agent, 2)?;
    for (id, noise) in
        (3..).zip([&b"\x00\x01\x7f\xfe"[..], b"}]:,\n", b"AT+CGMI\r\n", b"\"no end\n", b"{\"execute\":\xff"])
    {
        agent.send(noise, soon())?;
        resynchronise(&mut agent, id)?;
        synchronise(&mut agent, -id)?;
    }
    Ok(())
}

/// Hosts that leave in the middle of a message do no harm to the next.
pub fn hosts_come_and_go(kernel: &Kernel) -> Result<()> {
    come_and_go(kernel.boot()?, kernel.serial).map(drop)
}

/// It sleeps when nobody talks to it, and wakes when somebody does.
pub fn sleeps(kernel: &Kernel) -> Result<()> {
    let Booted { mut agent, guest } = kernel.boot()?;
    rests(guest.pid(), IDLE)?;
    synchronise(&mut agent, 2)
}

/// It switches its machine off, and starts again, when it is told to.
pub fn goes_down(kernel: &Kernel) -> Result<()> {
    let Booted { mut agent, mut guest } = kernel.boot()?;
    agent.send(b"{\"execute\":\"guest-shutdown\"}\n", soon())?;
    let ended = guest.wait(soon())?;
    ensure!(ended.success(), "QEMU ended with {ended}{}", guest.tails());
    let Booted { mut agent, mut guest } = kernel.boot()?;
    let mut qmp = guest.qmp(soon())?;
    agent.send(b"{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"reboot\"}}\n", soon())?;
    let event = qmp.event("RESET", soon())?;
    ensure!(event["guest"] == true, "QEMU's RESET was {event}");
    Ok(())
}

/// The tests of a kernel. It may be excused from being at rest, with the reason.
macro_rules! tests_of {
    ($($name:ident $(restless because $reason:literal)?: $kernel:expr;)*) => {$(
        mod $name {
            use $crate::*;

            const KERNEL: Kernel = $kernel;

            $crate::rows::tests_of!(@ says_what_it_is);
            $crate::rows::tests_of!(@ answers_pings_that_do_not_wait);
            $crate::rows::tests_of!(@ minds_no_nonsense);
            $crate::rows::tests_of!(@ hosts_come_and_go);
            $crate::rows::tests_of!(@ sleeps $(ignore = $reason)?);
            $crate::rows::tests_of!(@ goes_down);
        }
    )*};
    (@ $row:ident $(ignore = $reason:literal)?) => {
        #[test]
        $(#[ignore = $reason])?
        fn $row() -> ::anyhow::Result<()> {
            $crate::rows::$row(&KERNEL)
        }
    };
}
pub(crate) use tests_of;
