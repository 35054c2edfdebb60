//! An agent whose channel libvirtd holds, asked through virsh.
//!
//! While libvirtd runs, it holds the channel's socket, and a second client would wait there for ever. So each request is a run
//! of `virsh qemu-agent-command`, which also keeps libvirt's own synchronisation with the agent. This has limits: a request is
//! an argument of a program, at most 120 KiB, and of an error only its text is left.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::client::{LONGEST_LINE, Reply};
use crate::deadline::Deadline;
use crate::error::{Error, Kind};

/// The longest request in bytes: Linux takes no argument of 128 KiB or more.
const LONGEST_REQUEST: usize = 120 << 10;

/// What libvirt says of an agent or a guest that is not there, or not there any more.
const LOST: [&str; 4] =
    ["not connected", "domain is not running", "End of file from agent socket", "agent disappeared"];

/// How much later than libvirt's own limit virsh is killed.
const GRACE: Duration = Duration::from_secs(5);

/// The agent of a domain. virsh finds libvirt as it does for people, by LIBVIRT_DEFAULT_URI and its configuration.
#[derive(Clone, Debug)]
pub struct Libvirt {
    domain: String,
}

impl Libvirt {
    /// The agent of the domain of that name, id or UUID. Nothing is asked before the first request.
    pub fn new(domain: impl Into<String>) -> Self {
        Self { domain: domain.into() }
    }

    /// Sends one request and takes the reply.
    ///
    /// # Errors
    /// As [`Error`] has them, and when virsh does not run or does not reach libvirt or the domain.
    pub fn request(&self, request: &str, deadline: Deadline) -> Result<Reply> {
        if request.len() > LONGEST_REQUEST {
            let message = format!("libvirt takes no request of {} bytes; it takes {LONGEST_REQUEST}", request.len());
            return Err(Error::new(Kind::Refused, message).into());
        }
        let seconds = remaining(deadline)?.as_secs_f64().ceil().to_string();
        let start = Instant::now();
        let arguments = ["qemu-agent-command", "--timeout", &seconds, "--domain", &self.domain, "--cmd", request];
        let mut line = self.virsh(arguments, deadline)?;
        line.truncate(line.trim_ascii_end().len());
        Ok(Reply { line, round_trip: start.elapsed() })
    }

    /// Has libvirt tell the agent to switch the guest off or to reboot it: it knows that there is no reply, and waits for QEMU.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn go_down(&self, reboot: bool, deadline: Deadline) -> Result<()> {
        let subcommand = if reboot { "reboot" } else { "shutdown" };
        self.virsh([subcommand, "--mode", "agent", "--domain", &self.domain], deadline).map(drop)
    }

    fn virsh(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>, deadline: Deadline) -> Result<Vec<u8>> {
        let limit = Deadline::after(remaining(deadline)? + GRACE);
        let mut command = Command::new("virsh");
        command.arg("--quiet").args(arguments).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut virsh =
            command.spawn().context("cannot start virsh, which talks to libvirt; Debian has it in libvirt-clients")?;
        let (stdout, stderr) = (read_beside(virsh.stdout.take()), read_beside(virsh.stderr.take()));
        let ended = limit.poll("virsh", || Ok(virsh.try_wait()?));
        let Ok(status) = ended else {
            kill(&mut virsh);
            return Err(Error::new(Kind::TimedOut, "virsh has not ended: does libvirtd answer `virsh version`?").into());
        };
        let (stdout, stderr) = (taken(stdout)?, taken(stderr)?);
        if !status.success() {
            return Err(self.explained(&String::from_utf8_lossy(&stderr)));
        }
        if stdout.len() > LONGEST_LINE {
            bail!(Error::new(Kind::Malformed, format!("the agent's reply is longer than {LONGEST_LINE} bytes")));
        }
        Ok(stdout)
    }

    /// What virsh's message means.
    fn explained(&self, said: &str) -> anyhow::Error {
        let said = said.trim().trim_start_matches("error: ");
        let kind = if said.contains("unable to execute QEMU agent command") {
            Kind::Refused
        } else if LOST.iter().any(|text| said.contains(text)) {
            Kind::Lost
        } else if said.contains("Guest agent is not responding") || said.contains("timed out") {
            Kind::TimedOut
        } else {
            return anyhow!("virsh, domain {}: {said}", self.domain);
        };
        Error::new(kind, format!("virsh, domain {}: {said}", self.domain)).into()
    }
}

fn remaining(deadline: Deadline) -> Result<Duration> {
    deadline.remaining().ok_or_else(|| {
        let limit = deadline.limit().as_secs_f64();
        Error::new(Kind::TimedOut, format!("a run of virsh: not within {limit:.1} s")).into()
    })
}

/// Reads beside the wait, or virsh would wait for us on a full pipe. No more is kept than a reply may have.
fn read_beside(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<std::io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            pipe.take(LONGEST_LINE as u64 + 1).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    })
}

fn taken(reader: thread::JoinHandle<std::io::Result<Vec<u8>>>) -> Result<Vec<u8>> {
    Ok(reader.join().map_err(|_| anyhow!("reading from virsh failed"))??)
}

fn kill(virsh: &mut Child) {
    // It may have ended by itself in this moment; either way it is gone after this.
    let _ = virsh.kill();
    let _ = virsh.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(said: &str) -> Option<Kind> {
        Error::kind_of(&Libvirt::new("web-1").explained(said))
    }

    #[test]
    fn what_virsh_says_has_its_kind() {
        let refused = "error: internal error: unable to execute QEMU agent command 'guest-x': no such thing";
        assert_eq!(kind(refused), Some(Kind::Refused));
        let absent = "error: Guest agent is not responding: QEMU guest agent is not connected";
        assert_eq!(kind(absent), Some(Kind::Lost));
        assert_eq!(kind("error: Requested operation is not valid: domain is not running"), Some(Kind::Lost));
        assert_eq!(kind("error: internal error: End of file from agent socket"), Some(Kind::Lost));
        let slow = "error: Guest agent is not responding: Guest agent not available for now";
        assert_eq!(kind(slow), Some(Kind::TimedOut));
        assert_eq!(kind("error: failed to get domain 'web-1'"), None);
    }

    #[test]
    fn nothing_is_asked_when_the_time_is_up() {
        let error = Libvirt::new("web-1").request("{}", Deadline::after(Duration::ZERO)).unwrap_err();
        assert_eq!(Error::kind_of(&error), Some(Kind::TimedOut), "{error:#}");
    }

    #[test]
    fn a_request_that_is_no_argument_for_a_program_is_refused_before() {
        let error =
            Libvirt::new("web-1").request(&" ".repeat(LONGEST_REQUEST + 1), crate::deadline::soon()).unwrap_err();
        assert_eq!(error.to_string(), "libvirt takes no request of 122881 bytes; it takes 122880");
    }
}
