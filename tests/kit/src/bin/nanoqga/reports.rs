//! The files that results of tests are written into.

use std::path::PathBuf;

use nanoqga_testkit::suite::{Report, Suite};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Reports {
    /// Also write the results of tests into a file, as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Also write the results of tests into a file, as KTAP
    #[arg(long, value_name = "FILE")]
    ktap: Option<PathBuf>,
}

impl Reports {
    /// The same suite, which also writes them.
    pub(crate) fn of(self, suite: Suite) -> Suite {
        let both = [self.junit.map(Report::Junit), self.ktap.map(Report::Ktap)];
        both.into_iter().flatten().fold(suite, Suite::report)
    }
}
