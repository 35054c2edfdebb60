//! `nanoqga test`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use libtest_mimic::Arguments;
use nanoqga_testkit::suite::{Report, Suite};

use crate::target::Target;

/// Run the tests of a kernel that is up, as a test program does
///
/// The guest is neither booted nor switched off. When a test kills it, the tests behind that fail, unless it starts again by itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many seconds a test without a limit of its own may take on a processor; ten times as long is waited
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    limit: u64,
    /// Also write the results into a file, as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Also write the results into a file, as KTAP
    #[arg(long, value_name = "FILE")]
    ktap: Option<PathBuf>,
    /// What test programs get: a filter, --exact, --skip, --list, --ignored, --format
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn main(target: &Target, args: &Args) -> Result<ExitCode> {
    let Args { limit, junit, ktap, arguments } = args;
    let mut suite = Suite::of_guest(target.address()?).limit(Duration::from_secs(*limit));
    for report in junit.clone().map(Report::Junit).into_iter().chain(ktap.clone().map(Report::Ktap)) {
        suite = suite.report(report);
    }
    // One guest runs one test at a time.
    let fixed = ["nanoqga test", "--test-threads", "1"].map(String::from);
    Ok(suite.run(&Arguments::from_iter(fixed.iter().chain(arguments))))
}
