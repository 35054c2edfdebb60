//! What a part of the test reports: how much passed, and what was skipped and why.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use nanoqga_testkit::process;

use super::times::clock;

/// What the commands of one part did.
#[derive(Debug, Default)]
pub(crate) struct Report {
    passed: u64,
    skipped: Vec<String>,
}

/// A part that has run.
#[derive(Debug)]
pub(super) struct Row {
    pub name: &'static str,
    pub took: Duration,
    pub report: Report,
    pub failed: bool,
}

impl Report {
    /// Does `work`, which is one check.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) fn check<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let done = work()?;
        self.passed += 1;
        Ok(done)
    }

    /// Runs a program that is one check, by its exit status.
    ///
    /// # Errors
    /// Those of [`process::run`].
    pub(crate) fn run(&mut self, command: &mut Command, limit: Duration) -> Result<()> {
        self.check(|| process::run(command, limit))
    }

    /// Runs `cargo test`, and counts what it says has passed.
    ///
    /// # Errors
    /// When the program cannot start, takes longer than `limit`, or a test fails.
    pub(crate) fn tests(&mut self, command: &mut Command, limit: Duration) -> Result<()> {
        self.tests_then(command, limit, |_| {})
    }

    /// Does the same, and calls `then` with what the tests have printed, whether they passed or not.
    ///
    /// # Errors
    /// As [`Report::tests`].
    pub(crate) fn tests_then(&mut self, command: &mut Command, limit: Duration, then: impl FnOnce(&str)) -> Result<()> {
        let (status, text) = process::finish_showing(command, limit)?;
        then(&text);
        self.passed += text.lines().map(passed).sum::<u64>();
        ensure!(status.success(), "`{}` failed ({status})", process::shown(command));
        Ok(())
    }

    /// Does the same with several programs at once, whose output mixes line by line.
    ///
    /// # Errors
    /// As [`Report::tests`], of the first that fails.
    pub(crate) fn tests_at_once<const N: usize>(&mut self, commands: [Command; N], limit: Duration) -> Result<()> {
        thread::scope(|scope| {
            let running = commands.map(|mut command| {
                scope.spawn(move || {
                    let mut report = Self::default();
                    report.tests(&mut command, limit).map(|()| report.passed)
                })
            });
            // All are waited for, also behind one that failed.
            let ended = running.map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked"))));
            ended.into_iter().try_for_each(|passed| {
                self.passed += passed?;
                Ok(())
            })
        })
    }

    /// Notes that some checks have passed.
    pub(crate) fn count(&mut self, passed: usize) {
        self.passed += passed as u64;
    }

    /// Notes what is skipped, with the reason.
    pub(crate) fn skip(&mut self, what: impl Into<String>) {
        let what = what.into();
        eprintln!("skipped: {what}");
        self.skipped.push(what);
    }
}

/// How many tests have passed, by a line that `cargo test` prints.
fn passed(line: &str) -> u64 {
    let Some((_, rest)) = line.split_once("test result: ok. ") else { return 0 };
    rest.split_once(" passed").and_then(|(count, _)| count.parse().ok()).unwrap_or(0)
}

/// A row for each part, and one for all of them.
pub(super) fn table(rows: &[Row], took: Duration) -> String {
    let mut text = format!("{:<13} {:>6} {:>7}  skipped\n", "part", "time", "passed");
    for Row { name, took, report, failed } in rows {
        let skipped = report.skipped.join("; ");
        let verdict = if *failed { "FAILED " } else { "" };
        text += format!("{name:<13} {:>6} {:>7}  {verdict}{skipped}", clock(*took), report.passed).trim_end();
        text.push('\n');
    }
    let passed: u64 = rows.iter().map(|row| row.report.passed).sum();
    text + &format!("{:<13} {:>6} {passed:>7}\n", "all", clock(took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_line_of_a_test_run_counts() {
        let line = "test result: ok. 73 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 2.0s";
        assert_eq!(passed(line), 73);
        assert_eq!(passed("test tests::a_thing_that_passed ... ok"), 0);
        assert_eq!(passed("test result: FAILED. 72 passed; 1 failed; 0 ignored\n"), 0);
    }

    #[test]
    fn the_table_names_what_was_skipped_and_what_failed() {
        let row = |name, passed, skipped: &[&str], failed| Row {
            name,
            took: Duration::from_secs(61),
            report: Report { passed, skipped: skipped.iter().map(ToString::to_string).collect() },
            failed,
        };
        let rows = [row("lint", 9, &[], false), row("miri", 0, &["no nightly"], false), row("qemu", 3, &[], true)];
        assert_eq!(
            table(&rows, Duration::from_secs(183)),
            "part            time  passed  skipped\n\
             lint            1:01       9\n\
             miri            1:01       0  no nightly\n\
             qemu            1:01       3  FAILED\n\
             all             3:03      12\n"
        );
    }
}
