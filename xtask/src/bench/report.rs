//! Where results go: a page that needs nothing else, and docs/measurements.md.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::chart;
use super::contender::Contender;
use super::results::{Host, Results};
use super::svg::escaped;
use super::table::{GROWTH, LIMIT, VSOCK, beside_a_port, growth, limits, markdown, number, with_spread};
use crate::workspace;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:15px system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#1f2328;background:#fff}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.3rem .7rem;border-bottom:1px solid #8884;text-align:right}\
th:first-child,td:first-child{text-align:left}\
.wide{overflow-x:auto}svg{width:100%;max-width:860px;display:block;margin:1.5rem 0}";

/// What the table in docs/measurements.md lies between.
const BEGIN: &str = "<!-- Written by `cargo xtask bench --publish`: -->\n";
const END: &str = "<!-- until here. -->\n";

const PAGE: &str = "docs/measurements.md";
const CHART: &str = "docs/bench.svg";

/// Writes the page beside results.json.
pub(super) fn write(results: &Results) -> Result<PathBuf> {
    let path = Results::folder().join("report.html");
    fs::write(&path, page(results))?;
    Ok(path)
}

fn page(results: &Results) -> String {
    let ratio = |side| move |measure: &super::results::Measure| measure.times_better(side, Contender::REFERENCE);
    let heading = |sides: &[Contender]| sides.iter().map(|side| format!("<th>{side}</th>")).collect::<String>();
    let sides = Contender::ALL;
    let (mut ratios, mut figures) = (String::new(), String::new());
    for measure in &results.measures {
        let title = escaped(&measure.title);
        let cells = sides[..sides.len() - 1].iter().map(|side| cell(ratio(*side)(measure).as_ref().map(with_spread)));
        ratios += &format!("<tr><td>{title}</td>{}</tr>\n", cells.collect::<String>());
        let cells = sides.iter().map(|side| cell(measure.figure(*side).map(|figure| with_spread(&figure.spread))));
        figures += &format!("<tr><td>{title}, {}</td>{}</tr>\n", measure.unit, cells.collect::<String>());
    }
    let charts: String =
        [chart::ratios(results)].into_iter().chain(results.growth.iter().map(chart::growth)).flatten().collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>nanoqga, measured</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n<body>\n\
         <h1>nanoqga, measured</h1>\n<p>{}</p>\n{charts}\
         <h2>How many times better than {}</h2>\n<div class=\"wide\"><table><tr><th></th>{}</tr>\n{ratios}</table></div>\n\
         <h2>Figures</h2>\n<div class=\"wide\"><table><tr><th></th>{}</tr>\n{figures}</table></div>\n{}{}{}</body></html>\n",
        escaped(&about(results)),
        Contender::REFERENCE,
        heading(&sides[..sides.len() - 1]),
        heading(&sides),
        plain_table(LIMIT, &limits(results)),
        plain_table(VSOCK, &beside_a_port(results)),
        plain_table(GROWTH, &growth(results)),
    )
}

/// A table of which all is text.
fn plain_table(title: &str, rows: &[Vec<String>]) -> String {
    let row = |row: &Vec<String>| {
        format!("<tr>{}</tr>\n", row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect::<String>())
    };
    let rows: String = rows.iter().map(row).collect();
    format!("<h2>{title}</h2>\n<div class=\"wide\"><table>{rows}</table></div>\n")
}

fn cell(text: Option<String>) -> String {
    format!("<td>{}</td>", text.unwrap_or_else(|| "–".into()))
}

/// Where and how it was measured.
pub(super) fn about(results: &Results) -> String {
    let Host { processor, cores, qemu, accelerator, load } = &results.host;
    let set = if results.quick { "the quick set, " } else { "" };
    format!(
        "Measured with QEMU {qemu} ({accelerator}) on {cores} cores of {processor}, {set}all sides in turns: medians, and in \
         parentheses the half of the turns in the middle. The load average was {} when it began.",
        number(load[0]),
    )
}

/// Writes the table in docs/measurements.md, and its chart.
pub(super) fn publish(results: &Results) -> Result<()> {
    ensure!(!results.quick, "the quick set is too rough to be published");
    let chart = chart::ratios(results).context("guests were not measured: there is nothing to publish")?;
    let path = workspace::path(PAGE);
    let page = with_table(&fs::read_to_string(&path)?, &format!("{}\n{}\n", markdown(results), about(results)))?;
    fs::create_dir_all(workspace::path("docs"))?;
    fs::write(workspace::path(CHART), chart)?;
    Ok(fs::write(path, page)?)
}

/// Puts another table in the place of the one in a text.
fn with_table(text: &str, table: &str) -> Result<String> {
    let place = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = place.with_context(|| format!("{PAGE} has no place for the table"))?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::some;

    #[test]
    fn the_page_has_tables_and_charts_and_needs_nothing_from_elsewhere() {
        let page = page(&some());
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(page.contains("<td>32.0 (31.0 to 36.0)</td>"), "{page}");
        assert!(page.contains("one &lt;fast&gt;"), "{page}");
        for elsewhere in ["<script", "<link", "src=", "href=", "url("] {
            assert!(!page.contains(elsewhere), "{elsewhere} in {page}");
        }
    }

    #[test]
    fn the_published_table_is_replaced_and_all_else_kept() {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        assert_eq!(with_table(&page, "new\n").unwrap(), format!("before\n{BEGIN}\nnew\n\n{END}after\n"));
        assert!(with_table("no place", "new").is_err());
    }

    #[test]
    fn the_quick_set_is_not_published() {
        let mut results = some();
        results.quick = true;
        assert!(publish(&results).is_err());
    }
}
