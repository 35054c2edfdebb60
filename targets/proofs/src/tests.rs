//! The guest's own tests.

use core::fmt::{self, Write};
use core::hint::black_box;

use nanoqga::commands::testing::{
    Background, Ending, Given, LastWords, Measurement, Misbehave, Misbehaviour, Output, Progress, Properties, Running,
    Sink, Test, Testing, Verdict, skip,
};
use nanoqga::{Failure, check, check_eq, tests};

use crate::guest::{Guest, Script, Source};

/// Writes and measures what the script has, and checks it.
fn writes<S: Source>(guest: &mut Guest<S>, output: &mut Output<'_>) -> Verdict {
    let script = guest.script();
    writeln!(output, "{} of {} by {}", script.text, output.case(), output.seed())?;
    output.measure(script.text, script.float, script.text);
    guest.outcome(())?;
    check!(script.flag, "the flag of {} is not set", script.text);
    check_eq!(script.length, script.count);
    skip(script.text)
}

fn does_nothing() {
    black_box(());
}

impl<S: Source> Testing for Guest<S> {
    const SUITES: &'static [&'static [Test<Self>]] = &[tests!["proof": writes, plain does_nothing.alone()]];

    fn boot_id(&mut self) -> u64 {
        self.script().unsigned
    }

    fn print_line(&mut self, line: fmt::Arguments<'_>) {
        let mut cause = nanoqga::Cause::new();
        // It never fails.
        let _ = cause.write_fmt(line);
        black_box(&cause);
    }

    fn clock_ns(&mut self) -> Option<u64> {
        self.option(self.script().unsigned)
    }

    fn last_words(&mut self) -> Option<LastWords<'_>> {
        let text = self.option(self.script().text);
        self.option(LastWords {
            test: text,
            message: text,
            file: text,
            line: self.option(self.script().unsigned as u32),
        })
    }

    fn keep(&mut self, running: Option<Running>) {
        running.into_iter().for_each(|running| self.0.keep(running));
    }

    fn properties(&self, index: usize) -> Option<Properties<'_>> {
        let script = self.script();
        let (text, number) = (self.option(script.text), self.option(script.unsigned as u32));
        let named = *Self::test(index)?.properties();
        // The stack program asks for a test by its name, where the script has one.
        let name = if script.flag { named.name } else { script.text };
        Some(Properties {
            name,
            should_panic: text,
            ignored: text,
            timeout_ms: number,
            alone: script.flag,
            cases: number,
        })
    }
}

impl<S: Source> Background for Guest<S> {
    fn start(&mut self, _: usize, given: Given, mark: Option<&str>) -> Result<u64, Failure> {
        black_box((given, mark));
        self.outcome(self.script().unsigned)
    }

    fn progress(&mut self, _: u64) -> Option<Progress> {
        let script = self.script();
        let ended = Progress::Ended {
            ending: Ending::panicked(script.text, None),
            elapsed_ns: self.option(script.unsigned),
            is_truncated: script.flag,
        };
        self.option(if script.flag { ended } else { Progress::Running })
    }

    fn output(&mut self, _: u64, from: u64, into: &mut [u8]) -> usize {
        into.fill(0xA5);
        self.script().length.saturating_sub(from as usize)
    }

    fn measurements(&mut self, _: u64, to: &mut dyn Sink) {
        let Script { text, float, inner, .. } = *self.script();
        (0..inner).for_each(|_| to.measure(Measurement { name: text, value: float, unit: text }));
    }
}

impl<S: Source> Misbehave for Guest<S> {
    fn misbehave(&mut self, _: Misbehaviour) -> Result<(), Failure> {
        self.outcome(())
    }
}
