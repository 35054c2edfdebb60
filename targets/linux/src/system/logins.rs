//! Who is logged in, from utmp(5).

use alloc::string::String;
use alloc::vec::Vec;

use nanoqga::Failure;
use rustix::io::Errno;

use super::errno::failed;
use super::files::read_file;

/// A record of glibc's on x86_64, whose times have 32 bits.
const RECORD: usize = 384;
/// `ut_type` of a login.
const USER_PROCESS: u16 = 7;

/// A login.
#[derive(Debug, PartialEq)]
pub struct Login {
    pub user: String,
    /// In seconds since 1970.
    pub time: f64,
}

/// All logins.
pub fn all() -> Result<Vec<Login>, Failure> {
    match read_file("/var/run/utmp") {
        Ok(utmp) => Ok(logins(&utmp)),
        // Small guests do not note who logs in.
        Err(Errno::NOENT) => Ok(Vec::new()),
        Err(error) => Err(failed("failed to read /var/run/utmp", error)),
    }
}

/// Every user who is logged in, once, since the first login.
pub fn logins(utmp: &[u8]) -> Vec<Login> {
    let mut logins: Vec<Login> = Vec::new();
    for login in utmp.chunks_exact(RECORD).filter_map(login) {
        match logins.iter_mut().find(|known| known.user == login.user) {
            Some(known) => known.time = known.time.min(login.time),
            None => logins.push(login),
        }
    }
    logins
}

fn login(record: &[u8]) -> Option<Login> {
    let kind = u16::from_ne_bytes(*record.first_chunk()?);
    let user = record.get(44..76)?.split(|byte| *byte == 0).next()?;
    let number = |at: usize| record.get(at..)?.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes));
    let (seconds, microseconds) = (number(340)?, number(344)?);
    let time = f64::from(seconds) + f64::from(microseconds) / 1e6;
    (kind == USER_PROCESS).then(|| Login { user: String::from_utf8_lossy(user).into_owned(), time })
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn record(kind: u16, user: &str, seconds: i32, microseconds: i32) -> Vec<u8> {
        let mut record = vec![0; RECORD];
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
        assert_eq!(logins(&utmp.concat()), expected);
        assert_eq!(logins(&[]), []);
    }
}
