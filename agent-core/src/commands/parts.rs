//! Lists whose elements are too large for one step: each goes out in parts.

use serde::Serialize;

use crate::command::Request;
use crate::error::Error;
use crate::reply::{Kind, Reply, Step};

/// Adds the beginning of a list's element, an open object; returns whether there is such an element.
pub(super) type Begin<G> = fn(&mut G, usize, &mut Reply<'_>) -> Result<bool, Error>;

/// Adds part of a list's element, by its number; returns the number of the next part, if there is one.
pub(super) type Rest<G> = fn(&mut G, usize, usize, &mut Reply<'_>) -> Option<usize>;

/// The room that a part must find, in bytes: what the smallest usual stage has.
const ROOM: usize = 1024;

/// Adds the next parts of a list whose elements are too large for one step: one part, and more while there is much room.
pub(super) fn list_in_parts<G>(
    guest: &mut G,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
    begin: Begin<G>,
    rest: Rest<G>,
) -> Result<Step, Error> {
    loop {
        let step = next_part(guest, request, reply, begin, rest)?;
        if step != Step::More || reply.room() < ROOM {
            return Ok(step);
        }
    }
}

fn next_part<G>(
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
            None => {
                reply.close();
                request.set_place(element.saturating_add(1), 0);
            }
        }
        return Ok(Step::More);
    }
    if element == 0 {
        reply.open(Kind::Array)?;
    }
    match begin(guest, element, reply) {
        Ok(true) => {
            request.set_place(element, 1);
            Ok(Step::More)
        }
        Err(error) if element == 0 => Err(error),
        Ok(false) | Err(_) => Ok(Step::Done),
    }
}

/// Adds the `index`-th element of the list that is the member `name` of an open object, or the list's end. Returns whether there
/// may be more. An element that does not fit ends the list.
pub(super) fn list_member<T: Serialize>(reply: &mut Reply<'_>, name: &str, index: usize, element: Option<T>) -> bool {
    if index == 0 && reply.open_member(name, Kind::Array).is_err() {
        return false;
    }
    if element.is_some_and(|element| reply.value(&element).is_ok()) {
        return true;
    }
    reply.close();
    false
}
