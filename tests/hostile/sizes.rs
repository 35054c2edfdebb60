//! Messages of any size, and bytes without end.

use std::io::Write;
use std::iter::repeat_n;

use anyhow::{Context, Result, ensure};
use tests::booted::synchronise;
use tests::hostile::{Sentence, exchange, is_reply};
use xtask::client::shown;
use xtask::deadline::Deadline;

use crate::Attack;

const MIB: usize = 1 << 20;
/// How many seconds a line may take: as long as it takes to read what comes before the next thing worth an answer.
const PATIENCE: u64 = 900;
const PIECE: usize = 1 << 16;

/// A message in three parts, of which the middle one is there as often as its size demands.
struct Huge {
    what: &'static str,
    begin: &'static [u8],
    middle: &'static [u8],
    end: &'static [u8],
}

const HUGE: [Huge; 8] = [
    Huge { what: "a string", begin: b"{\"execute\":\"guest-ping\",\"id\":\"", middle: b"xxxxxxxx", end: b"\"}\n" },
    Huge { what: "escapes", begin: b"{\"execute\":\"", middle: b"\\n\\\\\\\"\\t", end: b"\"}\n" },
    Huge { what: "a number", begin: b"{\"execute\":\"guest-ping\",\"id\":", middle: b"12345678", end: b"}\n" },
    Huge { what: "a list", begin: b"{\"id\":[0", middle: b",{\"a\":[]}", end: b"],\"execute\":\"guest-ping\"}\n" },
    Huge { what: "members", begin: b"{\"a\":0", middle: b",\"b\":{}", end: b"}\n" },
    Huge { what: "open brackets", begin: b"", middle: b"[[[[[[[[", end: b"\n" },
    Huge { what: "open objects", begin: b"", middle: b"{\"a\":", end: b"\n" },
    Huge { what: "a word", begin: b"{\"execute\":", middle: b"nonsense", end: b"}\n" },
];

/// Each gets one error, and the message behind it its own reply.
pub fn messages(attack: &mut Attack) -> Result<String> {
    // More than the longest request of any profile.
    let size = attack.volume(MIB / 4, 64 * MIB).max(3 * PIECE);
    let mut agent = attack.target.connect_after_another(1)?;
    for Huge { what, begin, middle, end } in HUGE {
        let after = Sentence::ping(2);
        let mut errors = 0;
        agent = exchange(
            agent,
            Deadline::seconds(PATIENCE).limit(),
            |stream| {
                stream.write_all(begin)?;
                let piece = middle.repeat(PIECE / middle.len());
                (0..size / piece.len()).try_for_each(|_| stream.write_all(&piece))?;
                stream.write_all(end)?;
                stream.write_all(&after.message)
            },
            |line| {
                if line.starts_with(b"{\"error\": {\"class\": \"GenericError\"") && errors == 0 {
                    errors += 1;
                    return Ok(false);
                }
                after.is_answered_by(line)?;
                ensure!(errors == 1, "{what} got no error");
                Ok(true)
            },
        )
        .with_context(|| format!("{what} of {size} bytes"))?;
    }
    synchronise(&mut agent, 3)?;
    Ok(format!("{} messages of {} KiB", HUGE.len(), size >> 10))
}

/// Bytes that mean nothing, without end, and hosts that leave in the middle of them without having read a word. What is
/// heard are whole lines, and a host gets in step again.
pub fn floods(attack: &mut Attack) -> Result<String> {
    let size = attack.volume(MIB / 4, 16 * MIB);
    let Attack { target, noise, .. } = attack;
    let random = noise.bytes(PIECE);
    let mut floods: Vec<Vec<u8>> = [0xff, 0, b'{', b'}', b'"', b' ', b'\n', b'5'].map(|byte| vec![byte; PIECE]).into();
    floods.push(random);
    floods.push(repeat_n(&b"\xff{\"execute\":"[..], PIECE / 12).flatten().copied().collect());
    for (number, flood) in floods.iter().enumerate() {
        let id = 1000 + number as i64;
        let sync = format!("{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{id}}}}}\n").into_bytes();
        let answer = [b"\xff", format!("{{\"return\": {id}}}").as_bytes()].concat();
        let agent = target.connect_after_another(1)?;
        exchange(
            agent,
            Deadline::seconds(PATIENCE).limit(),
            |stream| {
                (0..size / PIECE).try_for_each(|_| stream.write_all(flood))?;
                stream.write_all(b"\xff")?;
                stream.write_all(&sync)
            },
            |line| {
                ensure!(line == answer || is_reply(line), "a flood was answered by {}", shown(line));
                Ok(line == answer)
            },
        )
        .with_context(|| format!("a flood of {}", shown(&flood[..24])))?;

        // Another one leaves when nothing more is taken.
        let mut stream = target.connect()?.into_stream()?;
        stream.set_nonblocking(true)?;
        while stream.write(flood).is_ok() {}
        drop(stream);
        target
            .connect_after_another(id)
            .with_context(|| format!("after a host that left a flood of {}", shown(&flood[..24])))?;
    }
    Ok(format!("{} floods of {} KiB", floods.len(), size >> 10))
}
