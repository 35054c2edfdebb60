//! Guests that lie: each is a failure in the end, and none makes the kit hang or panic.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::run::{run, tests};

/// A guest with one test that has something else to say to a command.
fn saying(command: &str, what: Value) -> Value {
    let mut guest = tests(&[("a", json!({}))]);
    guest[command] = what;
    guest
}

fn fails(guest: &Value, parts: &[&str]) -> Result<()> {
    fails_within(guest, &[], parts)
}

/// The same with other time limits, for guests that would reach any.
fn fails_within(guest: &Value, limits: &[&str], parts: &[&str]) -> Result<()> {
    let ran = run(guest, limits, &["--test-threads", "1"])?;
    ran.is(101, parts)?;
    ensure!(!ran.stderr.contains("panicked") && !ran.stdout.contains("test panicked"), "{ran:#?}");
    Ok(())
}

#[test]
fn a_guest_that_never_answers_is_not_waited_for() -> Result<()> {
    let silent = saying("guest-sync-delimited", json!({"do": "nothing"}));
    fails_within(&silent, &["--boot-limit", "1"], &["the guest's agent does not answer"])
}

#[test]
fn a_guest_in_step_with_somebody_else_does_not_answer() -> Result<()> {
    let other = saying("guest-sync-delimited", "\u{ff}{\"return\": 5}\n".into());
    fails_within(&other, &["--boot-limit", "1"], &["the guest's agent does not answer"])
}

#[test]
fn a_guest_that_never_stops_talking_is_not_listened_to() -> Result<()> {
    fails(&saying("guest-sync-delimited", json!({"do": "say for ever"})), &["error: "])?;
    fails(&saying("nanoqga-test-run", json!({"do": "say for ever"})), &["1 failed"])
}

#[test]
fn garbage_is_no_answer() -> Result<()> {
    for garbage in
        ["\u{80}\u{ff}{[\n", "\n", "{}\n", "[]\n", "{\"return\": 5}\n", "{\"return\": {\"outcome\": \"fine\"}}\n"]
    {
        fails(&saying("nanoqga-test-run", garbage.into()), &["1 failed"])?;
        fails(&saying("nanoqga-test-info", garbage.into()), &["error: "])?;
    }
    Ok(())
}

#[test]
fn half_a_verdict_is_none() -> Result<()> {
    let half = saying("nanoqga-test-run", "{\"return\": {\"outcome\": \"passed\"".into());
    fails_within(&half, &["--limit", "1"], &["there is no verdict after"])
}

#[test]
fn a_list_that_is_short_empty_or_has_a_name_twice_is_refused() -> Result<()> {
    let info = |tests: usize| {
        json!({"return": {"protocol": 1, "tests": tests, "digest": "00112233", "boot": "1"}}).to_string() + "\n"
    };
    fails(&saying("nanoqga-test-info", info(2).into()), &["the guest has 2 tests, and listed 1"])?;
    fails(&tests(&[]), &["the guest has no tests"])?;
    fails(&tests(&[("a", json!({})), ("a", json!({}))]), &["the guest has two tests called a"])
}

#[test]
fn numbers_without_sense_are_refused_or_cut() -> Result<()> {
    fails(
        &tests(&[("a", json!({"cases": u64::MAX}))]),
        &["a has 18446744073709551615 cases: there should be 1 to 100000"],
    )?;
    fails(&tests(&[("a", json!({"cases": 0}))]), &["a has 0 cases"])?;
    run(&tests(&[("a", json!({"timeout-ms": u64::MAX}))]), &[], &[])?.is(0, &["1 passed"])
}

#[test]
fn a_guest_with_other_tests_than_it_listed_has_failed() -> Result<()> {
    let refusal =
        "{\"error\": {\"class\": \"GenericError\", \"desc\": \"the tests are not those of digest 00112233\"}}\n";
    fails(&saying("nanoqga-test-run", refusal.into()), &["the guest did not run it", "the tests are not those"])
}

#[test]
fn a_guest_that_dies_after_it_told_that_a_test_passed_has_failed() -> Result<()> {
    let ending = json!({"acts": "pass, then end"});
    fails(&tests(&[("a", json!({})), ("b", ending)]), &["it was over; then the guest died", "1 passed; 1 failed"])
}
