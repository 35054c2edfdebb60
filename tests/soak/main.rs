//! Everything that hosts do, at random, for as long as `NANOQGA_SOAK` says in seconds, beside a model that says what each reply must be.
//!
//! All chance comes from the number NANOQGA_SEED, which a failure names. `cargo xtask soak` runs all guests side by side.

mod guests;
mod memory;
mod model;
mod steps;

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use guests::{AARCH64, Kind, LINUX, Q35};
use steps::Soak;

/// For how many seconds, and what chance begins with, when nobody says.
const SECONDS: u64 = 30;
const SEED: u64 = 20_261_130;

/// How many of the last steps a failure names.
const SHOWN: usize = 30;

fn number<T: FromStr>(variable: &str, default: T) -> Result<T> {
    match env::var(variable) {
        Ok(number) => number.parse().ok().with_context(|| format!("{variable} is {number}, which is no number")),
        Err(_) => Ok(default),
    }
}

/// Takes one step after the other, until time is up. Tells what it did.
fn soak(kind: &'static Kind) -> Result<()> {
    let (seed, time) = (number("NANOQGA_SEED", SEED)?, Duration::from_secs(number("NANOQGA_SOAK", SECONDS)?));
    let mut soak = Soak::start(kind, seed)?;
    let (start, mut counts, mut last) = (Instant::now(), BTreeMap::<_, usize>::new(), VecDeque::new());
    while start.elapsed() < time {
        let step = soak.step().with_context(|| {
            let steps: usize = counts.values().sum();
            format!("{}, seed {seed}, after {steps} steps, the last of them {last:?}", kind.name)
        })?;
        *counts.entry(step).or_default() += 1;
        last.push_back(step);
        if last.len() > SHOWN {
            last.pop_front();
        }
    }
    let told = soak.end().with_context(|| format!("{}, seed {seed}, at the end", kind.name))?;
    let steps: usize = counts.values().sum();
    println!("{}: seed {seed}: {steps} steps in {} s, 0 differences; {told}; {counts:?}", kind.name, time.as_secs());
    Ok(())
}

#[test]
fn q35() -> Result<()> {
    soak(&Q35)
}

#[test]
fn aarch64() -> Result<()> {
    soak(&AARCH64)
}

#[test]
fn linux() -> Result<()> {
    soak(&LINUX)
}
