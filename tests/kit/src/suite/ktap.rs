//! Results as KTAP, the kernel's form of the Test Anything Protocol.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::record::Record;
use super::verdict::Verdict;

/// Writes results into a file.
pub(super) fn write(records: &[Record], path: &Path) -> Result<()> {
    fs::write(path, text(records)).with_context(|| format!("cannot write {}", path.display()))
}

fn text(records: &[Record]) -> String {
    let mut text = format!("KTAP version 1\n1..{}\n", records.len());
    for (number, record) in (1..).zip(records) {
        // A number sign begins a directive.
        let name = record.name.replace('#', "_");
        let _ = match &record.judged.verdict {
            Verdict::Passed => writeln!(text, "ok {number} {name}"),
            Verdict::Skipped(reason) => {
                writeln!(text, "ok {number} {name} # SKIP {}", reason.as_deref().unwrap_or_default())
            }
            Verdict::Failed(_) => writeln!(text, "not ok {number} {name}"),
        };
        for line in record.text().iter().flat_map(|text| text.lines()) {
            let _ = writeln!(text, "# {line}");
        }
        for measurement in record.last().and_then(|run| run.told.as_ref()).iter().flat_map(|told| &told.measurements) {
            let _ = writeln!(text, "# {}: {} {}", measurement.name, measurement.value, measurement.unit);
        }
    }
    text
}
