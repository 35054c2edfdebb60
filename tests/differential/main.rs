//! Our agent for Linux and qemu-ga, asked the same thousands of generated things, right and wrong.
//!
//! `NANOQGA_SEED` (a number) makes other ones, `NANOQGA_REQUESTS` more or fewer of them.

mod agents;
mod commands;
mod compare;
mod conversations;
mod differences;
mod exchange;
mod json;
mod requests;
mod syntax;

use std::env;
use std::io::{self, Write};

use anyhow::{Context, Result, anyhow, ensure};
use debian::reference::Version;
use nanoqga_testkit::client::shown;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use agents::{Pair, Setting};
use compare::{Found, compare};
use conversations::{Turn, conversation};
use differences::DIFFERENCES;

const REQUESTS: u64 = 10_000;

/// As they come; with commands that both are told to refuse; and with file systems that are said to be frozen. Nothing thaws
/// those: since QEMU 9.1, qemu-ga does so even where it was told to refuse it, which ours does not.
const SETTINGS: [Setting; 3] = [
    Setting { arguments: &[], files: &[], unsaid: "" },
    Setting {
        arguments: &[
            "--block-rpcs",
            "guest-shutdown,guest-suspend-ram,guest-fsfreeze-freeze,guest-exec,guest-file-open,guest-get-osinfo",
        ],
        files: &[],
        unsaid: "",
    },
    Setting {
        arguments: &["--block-rpcs", "guest-fsfreeze-thaw"],
        files: &["qga.state.isfrozen"],
        unsaid: "guest-fsfreeze-thaw",
    },
];

/// Which of them it is for each conversation in turn: mostly the first.
fn setting(conversation: usize) -> usize {
    match conversation % 20 {
        0 => 1,
        10 => 2,
        _ => 0,
    }
}

/// More than anyone reads.
const MAX_FAILURES: usize = 10;

/// Of a reply.
const MAX_LINES: usize = 10;

/// How often a failure is made smaller.
const SIMPLIFICATIONS: usize = 200;

fn number(name: &str, default: u64) -> Result<u64> {
    env::var(name).map_or(Ok(default), |text| text.parse().with_context(|| format!("{name} is '{text}'")))
}

/// Generates everything from one number.
fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Where a line's error is, for a person.
fn place(line: &agents::Line) -> String {
    line.place.map_or(String::new(), |place| format!("{}:{}: ", place.line, place.column))
}

/// Says it all to both and counts which differences were met; returns what was not alike.
fn talk(pair: &mut Pair, turns: &[Turn], met: &mut [u64]) -> Result<Option<String>> {
    pair.begin();
    for turn in turns {
        let [ours, theirs] = pair.say(turn).with_context(|| shown(&turn.text))?;
        for found in compare(turn, pair.version, &ours, &theirs) {
            match found {
                Found::Alike => {}
                Found::Intended(index) => met[index] += 1,
                Found::Different => {
                    let said: String = turns.iter().map(|turn| format!("  {}\n", shown(&turn.text))).collect();
                    let lines = |lines: &[agents::Line]| -> String {
                        lines.iter().take(MAX_LINES).map(|line| format!("    {}{}\n", place(line), line.text)).collect()
                    };
                    return Ok(Some(format!("{said}  ours:\n{}  reference:\n{}", lines(&ours), lines(&theirs))));
                }
            }
        }
    }
    Ok(None)
}

/// The smallest form of a failure that was found between agents that were just started, or what it was.
fn simplified(setting: &Setting, mut tree: impl ValueTree<Value = Vec<Turn>>, mut failure: String) -> Result<String> {
    let mut met = vec![0; DIFFERENCES.len()];
    let mut simpler = tree.simplify();
    for _ in 0..SIMPLIFICATIONS {
        if !simpler {
            break;
        }
        let turns = tree.current();
        let found = if setting.allows(&turns) { talk(&mut Pair::start(setting)?, &turns, &mut met)? } else { None };
        simpler = if found.is_some() { tree.simplify() } else { tree.complicate() };
        failure = found.unwrap_or(failure);
    }
    Ok(failure)
}

/// What was compared, and which meant differences were met how often.
fn report(version: Version, sent: u64, met: &[u64]) -> String {
    let mut text = format!("Compared {sent} requests with qemu-ga {version}. Meant differences:\n");
    for (difference, met) in DIFFERENCES.iter().zip(met).filter(|(_, met)| **met > 0) {
        text += &format!("{met:>6}  {}\n", difference.reason);
    }
    text
}

/// Says it also where a test succeeds, whose output by macros is kept.
fn tell(text: &str) -> Result<()> {
    Ok(io::stderr().write_all(text.as_bytes())?)
}

#[test]
fn generated_requests_are_answered_alike() -> Result<()> {
    let (seed, requests) = (number("NANOQGA_SEED", 1)?, number("NANOQGA_REQUESTS", REQUESTS)?);
    let (mut runner, conversations) = (runner(seed), conversation());
    let mut pairs = SETTINGS.iter().map(Pair::start).collect::<Result<Vec<_>>>()?;
    let mut met = vec![0; DIFFERENCES.len()];
    let version = pairs[0].version;
    let (mut sent, mut failures) = (0, Vec::new());
    for setting in (0..).map(setting) {
        if sent >= requests || failures.len() >= MAX_FAILURES {
            break;
        }
        let tree = conversations.new_tree(&mut runner).map_err(|reason| anyhow!("{reason}"))?;
        let turns = tree.current();
        if !SETTINGS[setting].allows(&turns) {
            continue;
        }
        sent += turns.iter().map(|turn| turn.requests.len().max(1) as u64).sum::<u64>();
        if let Some(failure) = talk(&mut pairs[setting], &turns, &mut met).with_context(|| format!("seed {seed}"))? {
            failures.push(simplified(&SETTINGS[setting], tree, failure)?);
        }
    }
    tell(&report(version, sent, &met))?;
    ensure!(
        failures.is_empty(),
        "seed {seed}: of {sent} requests, these are not answered alike:\n{}",
        failures.join("\n")
    );
    let unmet = DIFFERENCES
        .iter()
        .zip(&met)
        .filter(|(difference, met)| difference.everywhere && difference.versions.contains(&version) && **met == 0);
    let unmet: Vec<_> = unmet.map(|(difference, _)| difference.reason).collect();
    ensure!(
        requests < REQUESTS || unmet.is_empty(),
        "seed {seed}: of {sent} requests, none shows these differences any more:\n{}",
        unmet.join("\n")
    );
    Ok(())
}
