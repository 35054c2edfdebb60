//! Recordings of a terminal: what a command prints, as a picture in which the lines appear when they did.

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The window, in characters and in pixels.
const COLUMNS: usize = 100;
const ROWS: usize = 26;
const WIDTH: usize = 828;
const LINE: usize = 18;
const MARGIN: usize = 14;

/// The shortest and the longest time between two lines in the picture: it should be possible to read along, and not to get bored.
const SHORTEST: Duration = Duration::from_millis(60);
const LONGEST: Duration = Duration::from_millis(900);
/// For how long the end is shown.
const END: Duration = Duration::from_secs(6);

/// What a command has printed, and when: seconds from the beginning.
#[derive(Debug)]
pub(super) struct Recording {
    lines: Vec<(f64, String)>,
    seconds: f64,
}

impl Recording {
    /// Runs a command of a shell in a folder, and shows it as `typed`. What it prints on stderr is left out.
    pub(super) fn of(command: &mut Command, typed: &str) -> Result<Self> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("the command cannot be started")?;
        let printed = BufReader::new(child.stdout.take().context("its output is a pipe")?);
        let (mut seen, mut lines) = (Instant::now(), Vec::new());
        for line in printed.lines() {
            let line = line?;
            lines.push((seen.elapsed(), line));
            seen = Instant::now();
        }
        // It may fail: that is shown.
        child.wait()?;
        Ok(Self::from_lines(typed, lines))
    }

    /// Of lines, each with the time since the one before it.
    fn from_lines(typed: &str, lines: Vec<(Duration, String)>) -> Self {
        let mut now = 0.0;
        let mut shown = vec![(now, format!("$ {typed}"))];
        for (gap, line) in lines {
            now += gap.clamp(SHORTEST, LONGEST).as_secs_f64();
            shown.push((now, line));
        }
        Self { lines: shown, seconds: now + END.as_secs_f64() }
    }

    /// The picture. Where nothing moves, it shows the first lines.
    pub(super) fn svg(&self) -> String {
        let height = ROWS * LINE + 2 * MARGIN;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" xml:space=\"preserve\">\n\
             <style>text{{font:13px ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;fill:#e6edf3;white-space:pre}}</style>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#0d1117\"/>\n\
             <clipPath id=\"screen\"><rect x=\"{MARGIN}\" y=\"{MARGIN}\" width=\"{}\" height=\"{}\"/></clipPath>\n\
             <g clip-path=\"url(#screen)\"><g>\n",
            WIDTH - 2 * MARGIN,
            ROWS * LINE,
        );
        // Each line that does not fit moves all up by one.
        let rises: Vec<_> = self.lines.iter().skip(ROWS).map(|(at, _)| *at).collect();
        if !rises.is_empty() {
            let times = [0.0].into_iter().chain(rises.iter().map(|at| at / self.seconds));
            let times: Vec<_> = times.map(|time| format!("{time:.4}")).collect();
            let places: Vec<_> = (0..=rises.len()).map(|row| format!("0 -{}", row * LINE)).collect();
            let _ = writeln!(
                svg,
                "<animateTransform attributeName=\"transform\" type=\"translate\" calcMode=\"discrete\" keyTimes=\"{}\" values=\"{}\" \
                 dur=\"{:.2}s\" repeatCount=\"indefinite\"/>",
                times.join(";"),
                places.join(";"),
                self.seconds,
            );
        }
        for (row, (at, line)) in self.lines.iter().enumerate() {
            let y = MARGIN + row * LINE + 13;
            let _ = write!(svg, "<text x=\"{MARGIN}\" y=\"{y}\">{}", escaped(line));
            if *at > 0.0 {
                let _ = write!(
                    svg,
                    "<animate attributeName=\"opacity\" calcMode=\"discrete\" keyTimes=\"0;{:.4}\" values=\"0;1\" dur=\"{:.2}s\" \
                     repeatCount=\"indefinite\"/>",
                    at / self.seconds,
                    self.seconds,
                );
            }
            svg.push_str("</text>\n");
        }
        svg.push_str("</g></g>\n</svg>\n");
        svg
    }
}

/// A line as text of a picture, cut where the window ends.
fn escaped(line: &str) -> String {
    let mut shown: String = line.chars().take(COLUMNS).collect();
    if line.chars().count() > COLUMNS {
        shown.pop();
        shown.push('…');
    }
    shown.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_appear_when_they_did_and_long_ones_are_cut() {
        let lines = vec![(Duration::from_secs(9), "a < b".into()), (Duration::ZERO, "x".repeat(200))];
        let recording = Recording::from_lines("run", lines);
        let times: Vec<_> = recording.lines.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [0.0, LONGEST.as_secs_f64(), (LONGEST + SHORTEST).as_secs_f64()]);
        let svg = recording.svg();
        assert!(svg.contains(">$ run</text>") && svg.contains(">a &lt; b<animate "), "{svg}");
        assert!(svg.contains(&format!(">{}…<", "x".repeat(COLUMNS - 1))), "{svg}");
        assert!(!svg.contains("animateTransform"), "nothing is to be moved");
    }

    #[test]
    fn what_does_not_fit_moves_the_lines_up() {
        let lines = (0..ROWS + 1).map(|row| (Duration::ZERO, row.to_string())).collect();
        let svg = Recording::from_lines("run", lines).svg();
        assert!(svg.contains("values=\"0 -0;0 -18;0 -36\""), "{svg}");
    }
}
