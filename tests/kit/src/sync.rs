//! Getting in step with an agent whose channel may hold half a request, or replies that nobody took.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::client::{Client, DELIMITER, request_line};
use crate::deadline::Deadline;
use crate::error::{Error, Kind};

/// How long the first reply is waited for before the request is sent again. It doubles each time, so that also an agent that
/// takes long answers the last request in time.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Sends a byte 0xFF, which makes an agent drop half a request, and guest-sync-delimited with a number of its own, and drops
/// all that comes before the reply to that. It sends both again where no reply comes: firmware, or a kernel that boots, may
/// have taken what was sent first.
///
/// # Errors
/// When the agent does not reply before the deadline, or the connection ends.
pub fn synchronise(client: &mut Client, deadline: Deadline) -> Result<()> {
    let mut wait = FIRST_WAIT;
    loop {
        let id = any_number();
        let request = request_line("guest-sync-delimited", Some(&json!({"id": id})));
        client.send(&[&[DELIMITER], request.as_bytes(), b"\n"].concat(), deadline)?;
        let attempt = Deadline::after(deadline.remaining().unwrap_or_default().min(wait));
        match drop_until_reply(client, id, attempt) {
            Err(error) if Error::kind_of(&error) == Some(Kind::TimedOut) && deadline.remaining().is_some() => wait *= 2,
            done => return done.with_context(|| no_reply(deadline)),
        }
    }
}

fn drop_until_reply(client: &mut Client, id: u32, deadline: Deadline) -> Result<()> {
    loop {
        let line = client.line(deadline)?;
        // The end of an older reply, or what a kernel prints, may stand before the delimiter.
        let reply = line.iter().rposition(|&byte| byte == DELIMITER).map(|at| &line[at + 1..]);
        if reply.is_some_and(|reply| is_reply_to(reply, id)) {
            return Ok(());
        }
    }
}

fn is_reply_to(reply: &[u8], id: u32) -> bool {
    serde_json::from_slice::<serde_json::Value>(reply).is_ok_and(|reply| reply["return"] == id)
}

/// A number that no other client has used lately. It has 31 bits, because some agents have no room for more.
fn any_number() -> u32 {
    (RandomState::new().hash_one(()) & 0x7fff_ffff) as u32
}

fn no_reply(deadline: Deadline) -> String {
    format!(
        "the agent does not reply to guest-sync-delimited (limit {:.1} s); is an agent running in the guest, and does no other \
         host hold the channel?",
        deadline.limit().as_secs_f64()
    )
}
