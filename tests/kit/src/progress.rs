//! Long steps say on stderr when they begin and when they end. Stdout is left to results.

use std::env;
use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// How often the line of a step that is being done is drawn anew.
const TICK: Duration = Duration::from_millis(250);

/// What moves in it. The last is for a line whose step has ended, and is cleared.
const DOTS: [&str; 5] = [".   ", "..  ", "... ", "....", ""];

/// Does `work`, with a line when it begins and one with the seconds it took when it ends. On a terminal that can redraw a line
/// it is one line, with the time that has passed.
///
/// # Errors
/// Those of `work`.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let redraws = stderr().is_terminal() && env::var_os("TERM").is_some_and(|terminal| terminal != "dumb");
    if !redraws {
        return step_with_output(what, work);
    }
    let seconds = |state: &ProgressState, line: &mut dyn Write| _ = write!(line, "{} s", state.elapsed().as_secs());
    let style = ProgressStyle::with_template("[ {spinner} ] {msg} ({seconds})")?.with_key("seconds", seconds);
    let bar = ProgressBar::new_spinner().with_style(style.tick_strings(&DOTS)).with_message(what.to_owned());
    bar.enable_steady_tick(TICK);
    timed(what, || {
        let result = work();
        bar.finish_and_clear();
        result
    })
}

/// The same in two lines on every terminal, for work whose programs write to it themselves: a line that is redrawn would mix
/// with theirs.
///
/// # Errors
/// Those of `work`.
pub fn step_with_output<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("[ .... ] {what}");
    timed(what, work)
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "FAIL" };
    eprintln!("[ {outcome} ] {what} ({:.1} s)", start.elapsed().as_secs_f64());
    result
}
