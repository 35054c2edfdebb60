//! `nanoqga test`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use libtest_mimic::Arguments;
use nanoqga_testkit::suite::Suite;

use crate::reports::Reports;
use crate::target::Target;

/// Run the tests of a kernel that is up, as a test program does
///
/// The guest is neither booted nor switched off. When a test kills it, the tests behind that fail, unless it starts again by itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many seconds a test without a limit of its own may take on a processor; ten times as long is waited
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    limit: u64,
    #[command(flatten)]
    reports: Reports,
    /// What test programs get: a filter, --exact, --skip, --list, --ignored, --format
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn main(target: &Target, args: &Args) -> Result<ExitCode> {
    let Args { limit, reports, arguments } = args;
    let suite = reports.clone().of(Suite::of_guest(target.address()?).limit(Duration::from_secs(*limit)));
    // One guest runs one test at a time.
    let fixed = ["nanoqga test", "--test-threads", "1"].map(String::from);
    Ok(suite.run(&Arguments::from_iter(fixed.iter().chain(arguments))))
}
