//! Results as JUnit's XML, which most services for tests read.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::record::{Record, output};
use super::running::Ran;
use super::verdict::Verdict;

/// Writes results into a file.
pub(super) fn write(records: &[Record], suite: &str, path: &Path) -> Result<()> {
    let mut report = Report::new(suite);
    let mut all = TestSuite::new(suite);
    all.add_test_cases(records.iter().map(case));
    all.set_time(records.iter().flat_map(|record| &record.judged.runs).map(|run| run.elapsed).sum::<Duration>());
    report.add_test_suite(all);
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    report.serialize(file).with_context(|| format!("cannot write {}", path.display()))
}

fn case(record: &Record) -> TestCase {
    let mut case = TestCase::new(&record.name, status(record));
    if let Some(run) = record.last() {
        case.set_time(run.elapsed).set_system_out(output(run)).set_system_err(&run.console);
        for measurement in run.told.iter().flat_map(|told| &told.measurements) {
            let value = format!("{} {}", measurement.value, measurement.unit);
            case.add_property(Property::new(&measurement.name, value));
        }
    }
    case
}

fn status(record: &Record) -> TestCaseStatus {
    match &record.judged.verdict {
        Verdict::Passed => {
            let mut status = TestCaseStatus::success();
            status.add_reruns(record.judged.runs.iter().filter_map(rerun));
            status
        }
        Verdict::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            reason.iter().for_each(|reason| _ = status.set_message(reason));
            status
        }
        Verdict::Failed(failure) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(failure.lines().next().unwrap_or_default());
            status.set_description(record.text().unwrap_or_default());
            status.add_reruns(record.judged.runs.iter().skip(1).filter_map(rerun));
            status
        }
    }
}

/// A run that failed.
fn rerun(run: &Ran) -> Option<TestRerun> {
    let Verdict::Failed(failure) = &run.verdict else { return None };
    let mut rerun = TestRerun::new(NonSuccessKind::Failure);
    rerun.set_message(failure.lines().next().unwrap_or_default()).set_time(run.elapsed);
    Some(rerun)
}
