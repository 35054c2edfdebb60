//! What the engine costs, beside serde_json with the same bytes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::process::run;
use nanoqga_testkit::progress::step_with_output;
use serde_json::Value;

use crate::workspace::{self, in_workspace};

const LIMIT: Duration = Duration::from_secs(1200);

/// The rows of the table: agent-core/benches/engine.rs.
const ROWS: [&str; 10] = [
    "guest-ping",
    "guest-info",
    "scan 1 KiB",
    "scan 64 KiB",
    "scan 1 MiB",
    "write 1 KiB",
    "write 64 KiB",
    "write 1 MiB",
    "base64 decode",
    "base64 encode",
];

/// What criterion found out about one side of a row.
struct Measured {
    nanoseconds: f64,
    bytes: f64,
}

pub(super) fn compare(quick: bool) -> Result<()> {
    let results = workspace::path("target/criterion");
    let mut cargo = Command::new("cargo");
    in_workspace(&mut cargo).args(["bench", "--package", "nanoqga", "--bench", "engine", "--", "--quiet"]);
    cargo.args(quick.then_some("--quick")).env("CRITERION_HOME", &results);
    // What criterion prints is said again by the table, which is all of stdout.
    step_with_output("Measuring", || run(cargo.stdout(std::io::stderr()), LIMIT))?;
    println!("{:13}  {:>32}  {:>32}  ratio", "", "ours", "serde_json");
    for row in ROWS {
        let side = |side| measured(&results.join(row).join(side).join("new"));
        let (ours, theirs) = (side("ours")?, side("serde_json")?);
        let ratio = ours.nanoseconds / theirs.nanoseconds;
        println!("{row:13}  {:>32}  {:>32}  {ratio:5.2}", ours.shown(), theirs.shown());
    }
    Ok(())
}

fn measured(folder: &Path) -> Result<Measured> {
    let number = |file: &str, path: &str| {
        let text = fs::read_to_string(folder.join(file)).with_context(|| format!("cannot read {file}"))?;
        let value: Value = serde_json::from_str(&text)?;
        value.pointer(path).and_then(Value::as_f64).with_context(|| format!("{file} has no {path}"))
    };
    Ok(Measured {
        nanoseconds: number("estimates.json", "/median/point_estimate")?,
        bytes: number("benchmark.json", "/throughput/Bytes")?,
    })
}

impl Measured {
    fn shown(&self) -> String {
        let Self { nanoseconds, bytes } = self;
        // Bytes in a nanosecond are gigabytes in a second.
        format!("{nanoseconds:.0} ns {:7.3} ns/B {:6.2} GB/s", nanoseconds / bytes, bytes / nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_shown_in_time_time_per_byte_and_speed() {
        let measured = Measured { nanoseconds: 2000.0, bytes: 1000.0 };
        assert_eq!(measured.shown(), "2000 ns   2.000 ns/B   0.50 GB/s");
    }
}
