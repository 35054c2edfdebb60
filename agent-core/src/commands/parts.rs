//! Lists whose elements are too large for one step: each goes out in parts.

use crate::command::Request;
use crate::error::Error;
use crate::reply::{Reply, Step};

/// Adds the beginning of a list's element, an open object; returns whether there is such an element.
pub(super) type Begin<G> = fn(&mut G, usize, &mut Reply<'_>) -> Result<bool, Error>;

/// Adds part of a list's element, by its number; returns the number of the next part, or closes the object.
pub(super) type Rest<G> = fn(&mut G, usize, usize, &mut Reply<'_>) -> Option<usize>;

/// Adds the next part of a list whose elements are too large for one step.
pub(super) fn list_in_parts<G>(
    guest: &mut G,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
    begin: Begin<G>,
    rest: Rest<G>,
) -> Result<Step, Error> {
    // Part 0 of the place is the beginning.
    let (element, part) = request.place();
    if part > 0 {
        match rest(guest, element, part - 1, reply) {
            Some(next) => request.set_place(element, next.saturating_add(1)),
            None => request.set_place(element.saturating_add(1), 0),
        }
        return Ok(Step::More);
    }
    let before = reply.length();
    reply.raw(if element == 0 { "[" } else { "," })?;
    match begin(guest, element, reply) {
        Ok(true) => {
            request.set_place(element, 1);
            return Ok(Step::More);
        }
        Err(error) if element == 0 => return Err(error),
        Ok(false) | Err(_) => reply.truncate(before),
    }
    reply.raw(if element == 0 { "[]" } else { "]" })?;
    Ok(Step::Done)
}
