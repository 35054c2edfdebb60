//! A new password in `/etc/shadow`, as chpasswd(8) sets it: hashed with SHA-512.

use alloc::format;
use alloc::string::{String, ToString};

use base64ct::{Base64ShaCrypt, Encoding};
use nanoqga::{Cause, Failure};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, clock_gettime};
use sha_crypt::{BLOCK_SIZE_SHA512, Params, sha512_crypt};

use super::account_files::{lock_all, replace};
use super::accounts::{find, find_elsewhere, with_passwd, with_shadow};
use super::errno::{self, failed_by};
use super::files::read_text;

/// How qemu-ga begins to tell it, and ends with what chpasswd(8) says.
const FAILED: &str = "child process has failed to set user password: ";
const NO_USER: &str = "there is no such user";
const ELSEWHERE: &str = "the user is not in /etc/passwd, so the password is kept elsewhere";
/// The longest password that libxcrypt and PAM take.
const LONGEST: usize = 511;

/// Gives a user this password, which is in plain text, or as crypt(3) makes it.
pub fn set(name: &str, password: &[u8], crypted: bool, cause: &mut Cause) -> Result<(), Failure> {
    change(name, password, crypted).map_err(|reason| failed(name, &reason, cause))
}

fn failed(name: &str, reason: &str, cause: &mut Cause) -> Failure {
    failed_by(FAILED, format_args!("user '{name}': {reason}"), cause)
}

/// Why something cannot be done.
fn reason(what: &str, error: Errno) -> String {
    format!("{what}: {}", errno::text(error))
}

/// Does it, or says why it cannot be done.
fn change(name: &str, password: &[u8], crypted: bool) -> Result<(), String> {
    // Who changes accounts holds the first for all of them, and the second for the one file.
    let _all = lock_all().map_err(|error| reason("cannot lock /etc/.pwd.lock", error))?;
    let passwd = read_text("/etc/passwd").map_err(|error| reason("cannot read /etc/passwd", error))?;
    let account = match find(&passwd, name) {
        Some(account) => account,
        None if find_elsewhere(name).is_some() => return Err(ELSEWHERE.to_string()),
        None => return Err(NO_USER.to_string()),
    };
    let hash = if crypted { given(password)? } else { hash(password)? };
    if !account.shadowed {
        return replace("/etc/passwd", |passwd| with_passwd(passwd, name, &hash).ok_or(NO_USER));
    }
    let day = clock_gettime(ClockId::Realtime).tv_sec.max(0).unsigned_abs() / 86400;
    replace("/etc/shadow", |shadow| Ok(with_shadow(shadow, name, &hash, day)))
}

/// A hash must be one field of a line, and not empty: with an empty one nobody is asked for a password.
fn given(hash: &[u8]) -> Result<String, String> {
    let whole = !hash.is_empty() && !hash.iter().any(|byte| *byte == b':' || byte.is_ascii_control());
    let text = core::str::from_utf8(hash).ok().filter(|_| whole);
    text.map(String::from).ok_or_else(|| "the password is not as crypt makes it".to_string())
}

/// What no program could pass to crypt(3): nobody could log in.
fn impossible(password: &[u8]) -> Option<String> {
    match password {
        [] => Some("the password is empty".to_string()),
        _ if password.len() > LONGEST => Some(format!("the password is longer than {LONGEST} bytes")),
        _ if password.contains(&0) => Some("the password has a zero byte in it".to_string()),
        _ => None,
    }
}

/// The SHA-512 of a password as crypt(3) has it, with a salt of its own.
fn hash(password: &[u8]) -> Result<String, String> {
    if let Some(reason) = impossible(password) {
        return Err(reason);
    }
    let mut salt = [0; 12];
    // As many random bytes come at once, or none.
    getrandom(&mut salt, GetRandomFlags::empty()).map_err(|error| reason("there is no random salt", error))?;
    Ok(crypt(password, &Base64ShaCrypt::encode_string(&salt)))
}

fn crypt(password: &[u8], salt: &str) -> String {
    let sum = sha512_crypt(password, salt.as_bytes(), Params::default());
    format!("$6${salt}${}", encode(&sum))
}

/// A sum's digits. Its bytes come in the order of the format: each time one of each third, in turn another one first; the last
/// byte by itself.
fn encode(sum: &[u8; BLOCK_SIZE_SHA512]) -> String {
    let mut ordered = *sum;
    for (place, three) in ordered.as_chunks_mut().0.iter_mut().enumerate() {
        let [a, b, c] = [0, 21, 42].map(|third| sum.get(third + place).copied().unwrap_or_default());
        *three = match place % 3 {
            0 => [c, b, a],
            1 => [a, c, b],
            _ => [b, a, c],
        };
    }
    Base64ShaCrypt::encode_string(&ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_what_crypt_makes() {
        // The first vector of "Unix crypt using SHA-256 and SHA-512" (Drepper).
        let expected = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJu\
            esI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
        assert_eq!(crypt(b"Hello world!", "saltstring"), expected);
    }

    #[test]
    fn every_hash_has_a_salt_of_its_own() {
        let (one, other) = (hash(b"secret").unwrap(), hash(b"secret").unwrap());
        assert_ne!(one, other);
        assert_eq!((one.len(), one.get(..3)), (3 + 16 + 1 + 86, Some("$6$")));
    }

    #[test]
    fn a_failure_says_whose_password_was_not_set() {
        let mut cause = Cause::new();
        let failure = failed("alice", "there is no random salt", &mut cause);
        assert_eq!((failure.0, cause.as_str()), (FAILED, "user 'alice': there is no random salt"));
    }

    #[test]
    fn a_crypted_password_is_one_field() {
        assert_eq!(given(b"$6$s$h").unwrap(), "$6$s$h");
        for other in [b"a:b".as_slice(), b"a\0", b"a\r", b"\xff", b""] {
            assert!(given(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_password_that_nobody_could_log_in_with_is_refused() {
        let long = [b'x'; LONGEST + 1];
        for other in [b"".as_slice(), b"a\0b", &long] {
            assert!(hash(other).is_err(), "{other:?}");
        }
        assert!(hash(&long[1..]).is_ok());
    }
}
