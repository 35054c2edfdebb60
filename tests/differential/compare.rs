//! Whether two answers are alike, differ as they are meant to, or otherwise.

use debian::reference::Version;

use crate::agents::{Line, reset};
use crate::conversations::Turn;
use crate::differences::{DIFFERENCES, Difference, RESET};
use crate::exchange::Exchange;
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
    let replies = ours.chunks(1).zip(theirs.chunks(1));
    let count = turn.requests.len();
    if count > 0 && ours.len() == count && theirs.len() == count {
        let exchange = |(request, (ours, theirs)): (&Request, (_, _))| {
            Exchange {
                command: request.command,
                version,
                broken: false,
                request: request.text.as_bytes(),
                ours,
                theirs,
            }
            .found()
        };
        return turn.requests.iter().zip(replies).map(exchange).collect();
    }
    if !turn.is_sound() && ours.len() == theirs.len() {
        let exchange = |(ours, theirs)| {
            Exchange { command: turn.about, version, broken: true, request: &turn.text, ours, theirs }.found()
        };
        let found: Vec<Found> = replies.map(exchange).collect();
        if !found.contains(&Found::Different) {
            return found;
        }
    }
    // Half of something was given up when the 0xFF came that follows it.
    let ours = match ours {
        [first @ .., last] if !turn.is_sound() && *last == reset() && first.len() == theirs.len() => first,
        all => all,
    };
    let whole = Exchange { command: turn.about, version, broken: !turn.is_sound(), request: &turn.text, ours, theirs };
    let found = whole.found();
    let rest: Vec<Line> = theirs.iter().filter(|line| **line != reset()).cloned().collect();
    if found == Found::Intended(RESET) && rest.len() < theirs.len() {
        return [vec![found], compare(turn, version, ours, &rest)].concat();
    }
    vec![found]
}

impl Exchange<'_> {
    fn found(&self) -> Found {
        if self.is_alike() {
            return Found::Alike;
        }
        let is_it = |difference: &Difference| difference.versions.contains(&self.version) && (difference.is_it)(self);
        let intended = DIFFERENCES.iter().position(is_it);
        intended.map_or(Found::Different, Found::Intended)
    }
}
