//! Results as tables: for a terminal, and in Markdown.

use super::contender::Contender;
use super::results::{Growth, Measure, Ratio, Results};
use super::sockets;
use super::statistics::Spread;

/// What stands above the shares of the limit, above vsock's figures beside a port's, and above the powers of growth.
pub(super) const LIMIT: &str =
    "Share of the limit: what the bare ELF (a process that only echoes, for processes) does in place of each";
pub(super) const VSOCK: &str = "The appliance on vsock beside its virtio-serial port: how many times the port's figure";
pub(super) const GROWTH: &str = "How figures grow, at their upper end: 1 is linear, 0 stays the same";

/// What stands where a contender has no such command, or was not measured.
const NOTHING: &str = "–";

/// A number with three digits that count.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A median with its spread, unless all samples are the same.
pub(super) fn with_spread(spread: &Spread) -> String {
    let Spread { median, low, high } = *spread;
    if low == high { number(median) } else { format!("{} ({} to {})", number(median), number(low), number(high)) }
}

/// For a terminal: first how many times better each is than the reference, then all figures.
pub(super) fn text(results: &Results) -> String {
    let ratio = |measure: &Measure, side| measure.times_better(side, Contender::REFERENCE);
    let others: Vec<_> = Contender::ALL.into_iter().filter(|side| *side != Contender::REFERENCE).collect();
    let figure = |measure: &Measure, side| measure.figure(side).map(|figure| figure.spread);
    let unit = |measure: &Measure| format!("{}, {}", measure.title, measure.unit);
    format!(
        "How many times better than {} (half of the turns lie within the parentheses)\n\n{}\nFigures\n\n{}\n{LIMIT}\n\n{}\n\
         {VSOCK}\n\n{}\n{GROWTH}\n\n{}",
        Contender::REFERENCE,
        columns(&rows(results, &others, |measure| measure.title.clone(), ratio)),
        columns(&rows(results, &Contender::ALL, unit, figure)),
        columns(&limits(results)),
        columns(&beside_a_port(results)),
        columns(&growth(results)),
    )
}

/// How much of the floor's figure each of ours reaches, where the floor has one.
pub(super) fn limits(results: &Results) -> Vec<Vec<String>> {
    let ours = [Contender::Nano, Contender::Appliance, Contender::LinuxAgent];
    let share = |measure: &Measure, side| measure.times_better(side, Contender::Floor);
    rows(results, &ours, |measure| measure.title.clone(), share)
}

/// How vsock's figures are beside those of a virtio-serial port of the same guest.
pub(super) fn beside_a_port(results: &Results) -> Vec<Vec<String>> {
    let heading = vec![String::new(), Contender::Appliance.to_string()];
    let row = |ratio: &Ratio| {
        let measure = results.measure(&ratio.measure).filter(|_| sockets::RATIOS.contains(&&*ratio.name))?;
        Some(vec![measure.title.clone(), with_spread(&ratio.spread)])
    };
    [heading].into_iter().chain(results.ratios.iter().filter_map(row)).collect()
}

/// By which power of what it grows with each figure grows.
pub(super) fn growth(results: &Results) -> Vec<Vec<String>> {
    let sides = Contender::AGENTS;
    let heading = [String::new()].into_iter().chain(sides.iter().map(Contender::to_string)).collect();
    let row = |growth: &Growth| {
        let power = |side| growth.lines.iter().find(|line| line.contender == side)?.power();
        let shown = sides.map(|side| power(side).map_or(NOTHING.into(), |power| format!("{power:.2}")));
        [format!("{}, with {}", growth.title, growth.x)].into_iter().chain(shown).collect()
    };
    [heading].into_iter().chain(results.growth.iter().map(row)).collect()
}

/// A heading and a row for each measure that has something to say.
fn rows(
    results: &Results,
    sides: &[Contender],
    title: impl Fn(&Measure) -> String,
    cell: impl Fn(&Measure, Contender) -> Option<Spread>,
) -> Vec<Vec<String>> {
    let heading = [String::new()].into_iter().chain(sides.iter().map(Contender::to_string)).collect();
    let row = |measure: &Measure| {
        let cells: Vec<_> = sides.iter().map(|side| cell(measure, *side)).collect();
        let shown = cells.iter().map(|cell| cell.as_ref().map_or(NOTHING.into(), with_spread));
        let row = [title(measure)].into_iter().chain(shown).collect();
        cells.iter().any(Option::is_some).then_some(row)
    };
    [heading].into_iter().chain(results.measures.iter().filter_map(row)).collect()
}

/// Rows with their cells below each other.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// In Markdown: of guests, figures with how many times better they are than the reference's.
pub(super) fn markdown(results: &Results) -> String {
    let others = || Contender::ALL.into_iter().rev();
    let heading: Vec<_> = others().map(|side| format!(" {side} |")).collect();
    let mut text = format!("| |{}\n|---|{}\n", heading.concat(), "---:|".repeat(heading.len()));
    for measure in results.measures.iter().filter(|measure| !measure.name.starts_with("linux-")) {
        let cells: Vec<_> = others().map(|side| format!(" {} |", markdown_cell(measure, side))).collect();
        text += &format!("| {}, {} |{}\n", measure.title, measure.unit, cells.concat());
    }
    for (title, rows) in [(LIMIT, limits(results)), (VSOCK, beside_a_port(results)), (GROWTH, growth(results))] {
        if rows.len() > 1 {
            text += &format!("\n{title}:\n\n{}", markdown_rows(&rows));
        }
    }
    text
}

/// A heading and rows of plain cells.
fn markdown_rows(rows: &[Vec<String>]) -> String {
    let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
    let (heading, rows) = rows.split_at(1);
    let rule = heading.iter().map(|row| format!("|---|{}\n", "---:|".repeat(row.len().saturating_sub(1))));
    heading.iter().map(line).chain(rule).chain(rows.iter().map(line)).collect()
}

fn markdown_cell(measure: &Measure, side: Contender) -> String {
    let Some(figure) = measure.figure(side) else { return NOTHING.into() };
    let figure = number(figure.spread.median);
    match measure.times_better(side, Contender::REFERENCE).filter(|_| side != Contender::REFERENCE) {
        Some(Spread { median, low, high }) if low != high => {
            format!("**{}×** ({}–{}) {figure}", number(median), number(low), number(high))
        }
        Some(Spread { median, .. }) => format!("**{}×** {figure}", number(median)),
        None => figure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::some;

    #[test]
    fn numbers_have_three_digits_that_count() {
        let shown = [12345.6, 99.96, 63.52, 9.996, 1.0, 0.99951, 0.0421].map(number);
        assert_eq!(shown, ["12346", "100", "63.5", "10.0", "1.00", "1.00", "0.042"]);
    }

    #[test]
    fn the_ratios_come_first_and_what_nobody_measured_is_a_dash() {
        let text = text(&some());
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("How many times better than Debian and qemu-ga"), "{text}");
        assert!(lines[3].starts_with("first reply  –                 32.0 (31.0 to 36.0)  –"), "{text}");
        assert!(text.contains("first reply, ms  –                 50.0 (50.0 to 55.0)"), "{text}");
    }

    #[test]
    fn the_limit_and_growth_are_tables_of_their_own() {
        let mut results = some();
        results.measures[0].add(Contender::Floor, 40.0);
        let text = markdown(&results);
        assert!(text.contains("| first reply | 0.800 | – | – |\n"), "{text}");
        assert!(text.contains("| With cards, with cards | 1.00 | – | – | – |\n"), "{text}");
        assert_eq!(text.matches("|---|").count(), 3, "{text}");
    }

    #[test]
    fn a_row_in_markdown_has_a_cell_for_each_contender() {
        let text = markdown(&some());
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[..3].iter().all(|line| line.matches('|').count() == 2 + Contender::ALL.len()), "{text}");
        assert!(lines[2].starts_with("| first reply, ms | 1800 | – | – | **32.0×** (31.0–36.0) 50.0 | – |"), "{text}");
    }
}
