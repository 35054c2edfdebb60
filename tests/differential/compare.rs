//! Whether two answers are alike, differ as they are meant to, or otherwise.

use std::iter;

use debian::reference::Version;

use crate::agents::Line;
use crate::conversations::Turn;
use crate::differences::{DIFFERENCES, Difference, RESET};
use crate::exchange::{Begin, Exchange};
use crate::requests::Request;

/// What comparing found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Alike,
    /// By the entry of that number in [`DIFFERENCES`].
    Intended(usize),
    Different,
}

/// Compares what both have answered to a turn, line by line where there are as many.
pub fn compare(turn: &Turn, version: Version, ours: &[Line], theirs: &[Line]) -> Vec<Found> {
    let broken = !turn.is_sound();
    let first = turn.text.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != 0xff).unwrap_or(0);
    let of_first = begin(&turn.text, first);
    let whole = Exchange { command: turn.about, version, broken, request: &turn.text, begin: of_first, ours, theirs };
    let replies = ours.chunks(1).zip(theirs.chunks(1));
    let count = turn.requests.len();
    if count > 0 && ours.len() == count && theirs.len() == count {
        let mut rest = 0;
        let exchange = |(request, (ours, theirs)): (&Request, (_, _))| {
            let text = request.text.as_bytes();
            let start = turn.text[rest..].windows(text.len()).position(|found| found == text).map_or(0, |at| rest + at);
            rest = start + text.len();
            let begin = begin(&turn.text, start);
            Exchange { command: request.command, request: text, begin, ours, theirs, ..whole }.found()
        };
        return turn.requests.iter().zip(replies).map(exchange).collect();
    }
    if broken && ours.len() == theirs.len() {
        // Where the second message begins depends on the agent.
        let begins = [of_first].into_iter().chain(iter::repeat(None));
        let exchange = |((ours, theirs), begin)| Exchange { ours, theirs, begin, ..whole }.found();
        let found: Vec<Found> = replies.zip(begins).map(exchange).collect();
        if !found.contains(&Found::Different) {
            return found;
        }
    }
    // Half of something was given up when the 0xFF came that follows it.
    let ours = match ours {
        [first @ .., last] if broken && last.is_reset() && first.len() == theirs.len() => first,
        all => all,
    };
    let found = Exchange { ours, ..whole }.found();
    let rest: Vec<Line> = theirs.iter().filter(|line| !line.is_reset()).cloned().collect();
    if found == Found::Intended(RESET) && rest.len() < theirs.len() {
        return [vec![found], compare(turn, version, ours, &rest)].concat();
    }
    vec![found]
}

/// Where the message begins that begins at `start`, if both agents get the same text and count its bytes alike.
fn begin(text: &[u8], start: usize) -> Option<Begin<'_>> {
    let (before, message) = text.split_at(start);
    let in_line = before.rsplit(|byte| *byte == b'\n').next()?;
    // Each gets a folder, a handle and a number of its own. qemu-ga counts some bytes 0xFF twice.
    let counts = !text.contains(&b'<') && !in_line.contains(&0xff);
    counts.then_some(Begin { indent: in_line.len(), message })
}

impl Exchange<'_> {
    fn found(&self) -> Found {
        if !self.is_at_same_place() {
            return Found::Different;
        }
        if self.is_alike() {
            return Found::Alike;
        }
        let is_it = |difference: &Difference| difference.versions.contains(&self.version) && (difference.is_it)(self);
        let intended = DIFFERENCES.iter().position(is_it);
        intended.map_or(Found::Different, Found::Intended)
    }
}
