//! This commit beside another one: both are built, and take turns.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::process::{on_its_own, output, run};
use nanoqga_testkit::progress::step_with_output;

use super::contender::{Built, Contender};
use super::results::Measure;
use super::statistics::Spread;
use super::table::{columns, number, with_spread};
use super::{guests, linux};
use crate::setup;
use crate::workspace::{self, in_workspace};

const QUESTION: Duration = Duration::from_secs(60);
const BUILD: Duration = Duration::from_secs(1800);

/// A row is worse where the median of its quotients is below this, and three quarters of them are below 1. A thirtieth is what
/// two measurements of one commit differ by on an idle host.
const TOLERATED: f64 = 0.97;

/// Measures this commit, with what is changed in it, beside `commit`, and prints both. Fails when a row has become worse.
pub(super) fn compare(commit: &str) -> Result<()> {
    setup::qemu()?;
    setup::linux()?;
    let before = build(&sources(commit)?)?;
    let agent = before.agent.clone();
    let mut measures = guests::against(before)?;
    measures.extend(linux::against(&agent)?);
    let rows: Vec<_> = measures.iter().flat_map(rows).collect();
    let heading = ["", "", "before", "now", "times better", ""].map(String::from).to_vec();
    let lines: Vec<_> = [heading].into_iter().chain(rows.iter().map(Row::cells)).collect();
    println!("{commit} beside this (half of the turns lie within the parentheses)\n\n{}", columns(&lines));
    let worse: Vec<_> = rows.iter().filter(|row| row.is_worse()).map(Row::name).collect();
    if worse.is_empty() { Ok(()) } else { bail!("worse than {commit}: {}", worse.join(", ")) }
}

/// One measure of one contender.
#[derive(Debug)]
struct Row {
    title: String,
    contender: Contender,
    before: Spread,
    now: Spread,
    times_better: Spread,
}

fn rows(measure: &Measure) -> Vec<Row> {
    let row = |(contender, before): (Contender, Contender)| {
        Some(Row {
            title: format!("{}, {}", measure.title, measure.unit),
            contender,
            before: measure.figure(before)?.spread,
            now: measure.figure(contender)?.spread,
            times_better: measure.times_better(contender, before)?,
        })
    };
    Contender::BUILT.into_iter().filter_map(row).collect()
}

impl Row {
    fn is_worse(&self) -> bool {
        self.times_better.median < TOLERATED && self.times_better.high < 1.0
    }

    fn name(&self) -> String {
        format!("{} of {}", self.title, self.contender)
    }

    fn cells(&self) -> Vec<String> {
        let verdict = if self.is_worse() { "worse" } else { "" };
        vec![
            self.title.clone(),
            self.contender.to_string(),
            number(self.before.median),
            number(self.now.median),
            with_spread(&self.times_better),
            verdict.into(),
        ]
    }
}

/// A folder with the files of a commit. It is kept, with what was built in it.
fn sources(commit: &str) -> Result<PathBuf> {
    let git = |arguments: &[&str]| output(in_workspace(&mut Command::new("git")).args(arguments), QUESTION);
    let id = git(&["rev-parse", "--verify", "--quiet", &format!("{commit}^{{commit}}")])
        .with_context(|| format!("git knows no commit {commit}"))?;
    let folder = workspace::path("target/against").join(id.trim());
    if !folder.exists() {
        let (archive, unfinished) = (folder.with_extension("tar"), folder.with_extension("unfinished"));
        fs::create_dir_all(&unfinished)?;
        let mut export = Command::new("git");
        in_workspace(export.args(["archive", "--format", "tar", "--output"]).arg(&archive).arg(id.trim()));
        run(&mut export, QUESTION)?;
        run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&unfinished), QUESTION)?;
        fs::remove_file(archive)?;
        fs::rename(unfinished, &folder)?;
    }
    Ok(folder)
}

/// Has the commit's own program build its images.
fn build(sources: &Path) -> Result<Built> {
    let image = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        on_its_own(&mut command).current_dir(sources).args(["xtask", "image"]).args(arguments);
        let printed =
            step_with_output(&format!("Building {} before", arguments.join(" ")), || output(&mut command, BUILD))?;
        let path = printed.lines().last().context("it printed no path")?;
        Ok::<_, anyhow::Error>(PathBuf::from(path))
    };
    Ok(Built {
        nano: image(&["--machine", "q35", "--profile", "nano"])?,
        appliance: image(&["--machine", "q35", "--profile", "appliance"])?,
        agent: image(&["--machine", "linux"])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measures::blank;

    fn row(before: [f64; 3], now: [f64; 3]) -> Row {
        let mut measure = blank("ping-cpu");
        for (before, now) in before.into_iter().zip(now) {
            measure.add(Contender::NanoBefore, before);
            measure.add(Contender::Nano, now);
        }
        rows(&measure).remove(0)
    }

    #[test]
    fn a_row_is_worse_when_nearly_all_turns_say_so() {
        assert!(row([10.0, 10.0, 10.0], [11.0, 11.0, 12.0]).is_worse());
        assert!(!row([10.0, 10.0, 10.0], [10.2, 10.1, 10.2]).is_worse());
        assert!(!row([10.0, 10.0, 10.0], [11.0, 11.0, 5.0]).is_worse());
        assert!(!row([10.0, 10.0, 10.0], [5.0, 5.0, 5.0]).is_worse());
    }

    #[test]
    fn a_row_shows_both_and_how_many_times_better_this_is() {
        let cells = row([10.0, 10.0, 10.0], [20.0, 20.0, 20.0]).cells();
        assert_eq!(cells, ["guest-ping, host CPU, µs", "nano", "10.0", "20.0", "0.500", "worse"]);
    }

    #[test]
    fn what_was_not_measured_before_has_no_row() {
        let mut measure = blank("ping-cpu");
        measure.add(Contender::Nano, 1.0);
        measure.add(Contender::QemuGa, 1.0);
        assert!(rows(&measure).is_empty());
    }
}
