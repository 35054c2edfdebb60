//! Who is logged in, from utmp(5), or from logind where there is none.

use alloc::string::String;
use alloc::vec::Vec;

use super::errno::text;
use super::files::read_file;
use super::reading::Reading;
use super::sessions::{self, SESSIONS};

/// Where glibc has what in a record. Its times have 32 bits on most architectures.
#[derive(Clone, Copy)]
pub struct Layout {
    length: usize,
    seconds: usize,
    is_wide: bool,
}

impl Layout {
    const NARROW: Self = Self { length: 384, seconds: 340, is_wide: false };
    /// On aarch64, which had no older programs to share the file with.
    const WIDE: Self = Self { length: 400, seconds: 344, is_wide: true };
    /// This machine's.
    pub const OWN: Self =
        if cfg!(any(target_arch = "aarch64", target_arch = "s390x")) { Self::WIDE } else { Self::NARROW };
}

/// `ut_type` of a login.
const USER_PROCESS: u16 = 7;

/// A login.
#[derive(Debug, PartialEq)]
pub struct Login {
    pub user: String,
    /// In seconds since 1970.
    pub time: f64,
}

/// Where logins are noted. A directory of sessions is another one with each change, because their files are only ever replaced.
const PLACES: [&str; 2] = [UTMP, SESSIONS];
const UTMP: &str = "/var/run/utmp";

/// The logins, as they were noted last.
pub type Known = Reading<Vec<Login>>;

/// How many logins are kept.
const MOST_KEPT: usize = 64;

impl Known {
    /// The `index`-th login. Index 0 looks at what there is. Small guests do not note who logs in, and have no sessions either.
    pub fn element(&mut self, index: usize) -> Option<&Login> {
        if index == 0 {
            self.look(&PLACES, all);
        }
        if index == self.last().len() && index > MOST_KEPT {
            *self = Self::default();
        }
        self.last().get(index)
    }
}

/// All logins that are noted at one of the places.
fn all(place: &str) -> Option<Vec<Login>> {
    if place == SESSIONS {
        return Some(once_each(sessions::all().into_iter().map(|(user, time)| Login { user, time })));
    }
    read_file(place)
        .inspect_err(|error| warning!("nobody is told as logged in: {place}: {}", text(*error)))
        .ok()
        .map(|utmp| logins(&utmp, Layout::OWN))
}

/// Every user who is logged in, once, since the first login.
pub fn logins(utmp: &[u8], layout: Layout) -> Vec<Login> {
    once_each(utmp.chunks_exact(layout.length).filter_map(|record| login(record, layout)))
}

fn once_each(all: impl Iterator<Item = Login>) -> Vec<Login> {
    let mut logins: Vec<Login> = Vec::new();
    for login in all {
        match logins.iter_mut().find(|known| known.user == login.user) {
            Some(known) => known.time = known.time.min(login.time),
            None => logins.push(login),
        }
    }
    logins
}

fn login(record: &[u8], layout: Layout) -> Option<Login> {
    let kind = u16::from_ne_bytes(*record.first_chunk()?);
    let user = record.get(44..76)?.split(|byte| *byte == 0).next()?;
    let times = record.get(layout.seconds..)?;
    let (seconds, microseconds) = if layout.is_wide {
        let number = |at: usize| times.get(at..)?.first_chunk().map(|bytes| i64::from_ne_bytes(*bytes));
        (number(0)?, number(8)?)
    } else {
        let number = |at: usize| times.get(at..)?.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes));
        (number(0)?.into(), number(4)?.into())
    };
    let time = seconds as f64 + microseconds as f64 / 1e6;
    (kind == USER_PROCESS).then(|| Login { user: String::from_utf8_lossy(user).into_owned(), time })
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn record(kind: u16, user: &str, seconds: i32, microseconds: i32) -> Vec<u8> {
        let mut record = vec![0; Layout::NARROW.length];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[44..][..user.len()].copy_from_slice(user.as_bytes());
        record[340..344].copy_from_slice(&seconds.to_ne_bytes());
        record[344..348].copy_from_slice(&microseconds.to_ne_bytes());
        record
    }

    #[test]
    fn who_is_logged_in_is_told_once_with_the_first_time() {
        let long = "a".repeat(32);
        let utmp = [
            record(2, "reboot", 1, 0),
            record(7, "root", 1_700_000_100, 500_000),
            record(7, &long, 5, 0),
            record(8, "gone", 6, 0),
            record(7, "root", 1_700_000_000, 250_000),
            vec![7; 100],
        ];
        let expected = [Login { user: "root".into(), time: 1_700_000_000.25 }, Login { user: long, time: 5.0 }];
        assert_eq!(logins(&utmp.concat(), Layout::NARROW), expected);
        assert_eq!(logins(&[], Layout::NARROW), []);
    }

    #[test]
    fn a_record_with_wide_times_is_read() {
        let mut utmp = vec![0; 2 * 400];
        for (record, seconds) in utmp.chunks_exact_mut(400).zip([5_000_000_000i64, 4]) {
            record[..2].copy_from_slice(&7u16.to_ne_bytes());
            record[44..48].copy_from_slice(&seconds.to_ne_bytes()[..4]);
            record[44] = b'a';
            record[45..48].copy_from_slice(b"bcd");
            record[47] = if seconds == 4 { b'e' } else { b'd' };
            record[344..352].copy_from_slice(&seconds.to_ne_bytes());
            record[352..360].copy_from_slice(&500_000i64.to_ne_bytes());
        }
        let expected = [("abcd", 5_000_000_000.5), ("abce", 4.5)].map(|(user, time)| Login { user: user.into(), time });
        assert_eq!(logins(&utmp, Layout::WIDE), expected);
    }
}
