//! Bytes cut anywhere, and bytes that are none of a message's.

use anyhow::{Context, Result, ensure};
use tests::booted::{resynchronise, synchronise};
use tests::hostile::{Sentence, exchange, in_pieces, is_reply, play};
use tests::soon;
use xtask::client::shown;

use crate::Attack;

const IN_STEP: i64 = 1;

/// However a conversation is cut, each message is answered once, in order, by its own reply.
pub fn any_pieces(attack: &mut Attack) -> Result<String> {
    let messages = attack.volume(1000, 100_000) as u64;
    let Attack { target, noise, .. } = attack;
    let mut agent = target.connect_after_another(IN_STEP)?;
    let mut asked = 0;
    while asked < messages {
        let sentences: Vec<_> =
            (0..1 + noise.below(100)).map(|at| Sentence::any(noise, asked + at as u64 + 1)).collect();
        let steps =
            in_pieces(noise, &sentences.iter().flat_map(|sentence| &*sentence.message).copied().collect::<Vec<_>>());
        let mut due = sentences.iter();
        let mut next = due.next();
        agent = exchange(
            agent,
            soon().limit(),
            |stream| play(stream, &steps),
            |line| {
                next.context("a line more than messages")?.is_answered_by(line)?;
                next = due.next();
                Ok(next.is_none())
            },
        )?;
        asked += sentences.len() as u64;
    }
    synchronise(&mut agent, -1)?;
    Ok(format!("{asked} messages"))
}

/// A 0xFF drops what was half sent, wherever it is, and only a whole message is ever obeyed.
pub fn a_reset_at_every_byte(Attack { target, noise, .. }: &mut Attack) -> Result<String> {
    let mut agent = target.connect_after_another(IN_STEP)?;
    let message = Sentence::ping(5).message;
    for place in 0..=message.len() {
        let mut sent = message.clone();
        sent.splice(place..place, std::iter::repeat_n(0xff, 1 + noise.below(3)));
        sent.push(b'\n');
        agent.send(&sent, soon())?;
        let whole = place == 0 || place == message.len();
        let lines = resynchronise(&mut agent, place as i64)?;
        for line in &lines {
            ensure!(is_reply(line), "{} was answered by {}", shown(&sent), shown(line));
            ensure!(line.starts_with(b"{\"return\"") == whole, "{} was answered by {}", shown(&sent), shown(line));
        }
        ensure!(!lines.is_empty() && (!whole || lines.len() == 1), "{} got {} replies", shown(&sent), lines.len());
    }
    Ok(format!("{} places", message.len() + 1))
}

/// After any bytes at all, a host gets in step again; what it hears until then are errors, each a whole line.
pub fn random_bytes(attack: &mut Attack) -> Result<String> {
    let rounds = attack.volume(100, 20_000);
    let Attack { target, noise, .. } = attack;
    let mut agent = target.connect_after_another(IN_STEP)?;
    let mut sent = 0;
    for round in 0..rounds {
        let length = noise.below(500);
        let bytes = noise.bytes(length);
        sent += length;
        agent.send(&bytes, soon())?;
        for line in resynchronise(&mut agent, round as i64)? {
            let is_error = is_reply(&line) && line.starts_with(b"{\"error\": {\"class\": \"GenericError\"");
            ensure!(is_error, "{} was answered by {}", shown(&bytes), shown(&line));
        }
        synchronise(&mut agent, -1)?;
    }
    Ok(format!("{rounds} times, {sent} bytes"))
}
