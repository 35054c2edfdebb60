//! `nanoqga-test-info` and `nanoqga-test-list`: what tests there are.

use serde::Serialize;

use super::digest::{self, Hex};
use super::guest::{LastWords, Testing};
use super::test::Properties;
use crate::command::Request;
use crate::error::Error;
use crate::reply::{Full, Kind, Reply, Step};

/// The protocol's version: see `docs/test-protocol.md`.
const PROTOCOL: u32 = 1;

#[derive(Serialize)]
struct Info {
    protocol: u32,
    tests: usize,
    digest: Hex,
    boot: Hex,
}

/// What there is; then the members of the last words, a step each.
pub(super) fn info<G: Testing>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = request.step();
    if step == 0 {
        request.arguments().finish()?;
        let tests = (0..).take_while(|index| guest.properties(*index).is_some()).count();
        let info = Info { protocol: PROTOCOL, tests, digest: digest::of(guest), boot: Hex(guest.boot_id()) };
        reply.open_with(None, &info)?;
        return Ok(Step::More);
    }
    let Some(LastWords { test, message, file, line }) = guest.last_words() else { return Ok(Step::Done) };
    // What does not fit is cut, or left out.
    let _ = match step {
        1 => reply.open_member("last-words", Kind::Object),
        2 => reply.member("line", &line),
        3 => text_member(reply, "test", test),
        4 => text_member(reply, "file", file),
        5 => text_member(reply, "message", message),
        _ => return Ok(Step::Done),
    };
    Ok(Step::More)
}

fn text_member(reply: &mut Reply<'_>, name: &str, text: Option<&str>) -> Result<(), Full> {
    let Some(text) = text else { return Ok(()) };
    reply.open_member(name, Kind::Text)?;
    reply.text_part(text, 0);
    reply.close();
    Ok(())
}

/// A test as an element of the list.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Listed<'a> {
    index: u64,
    name: &'a str,
    should_panic: Option<&'a str>,
    ignored: Option<&'a str>,
    timeout_ms: Option<u32>,
    alone: Option<bool>,
    cases: Option<u32>,
}

/// A test a step.
pub(super) fn list<G: Testing>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let from: u64 = arguments.optional("from")?.unwrap_or_default();
    let limit: u64 = arguments.optional("limit")?.unwrap_or(u64::MAX);
    arguments.finish()?;
    let step = request.step() as u64;
    let index = from.saturating_add(step);
    let properties = usize::try_from(index).ok().filter(|_| step < limit).and_then(|index| guest.properties(index));
    reply.element(Ok(properties.map(|properties| {
        let Properties { name, should_panic, ignored, timeout_ms, alone, cases } = properties;
        Listed { index, name, should_panic, ignored, timeout_ms, alone: alone.then_some(true), cases }
    })))
}
