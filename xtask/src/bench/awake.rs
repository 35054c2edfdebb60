//! A client that does not sleep. To wake one costs the agent processor time, and the host some more, and both depend on how
//! idle the host is.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use anyhow::{Result, bail, ensure};

use crate::deadline::Deadline;

/// How many seconds an agent may be silent.
const SILENCE: u64 = 60;

/// A connection to an agent.
#[derive(Debug)]
pub(super) struct Awake(UnixStream);

impl Awake {
    pub(super) fn over(stream: UnixStream) -> Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }

    /// Sends all of `bytes`.
    pub(super) fn send(&mut self, mut bytes: &[u8]) -> Result<()> {
        let deadline = Deadline::seconds(SILENCE);
        while !bytes.is_empty() {
            match self.offer(bytes)? {
                0 => ask_again(deadline)?,
                count => bytes = &bytes[count..],
            }
        }
        Ok(())
    }

    /// Waits for bytes; returns how many were put into `room`.
    pub(super) fn receive(&mut self, room: &mut [u8]) -> Result<usize> {
        let deadline = Deadline::seconds(SILENCE);
        loop {
            match self.take(room)? {
                0 => ask_again(deadline)?,
                count => return Ok(count),
            }
        }
    }

    /// Sends `requests` and receives `due` bytes of replies meanwhile, so that neither waits for the other.
    pub(super) fn exchange_at_once(&mut self, mut requests: &[u8], mut due: usize) -> Result<()> {
        let mut room = [0; 64 << 10];
        let mut deadline = Deadline::seconds(SILENCE);
        while due > 0 {
            let sent = if requests.is_empty() { 0 } else { self.offer(requests)? };
            requests = &requests[sent..];
            let received = self.take(&mut room)?;
            ensure!(received <= due, "longer replies than expected");
            due -= received;
            if sent + received == 0 {
                ask_again(deadline)?;
            } else {
                deadline = Deadline::seconds(SILENCE);
            }
        }
        Ok(())
    }

    /// Sends what the socket takes at once.
    fn offer(&mut self, bytes: &[u8]) -> Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            result => Ok(result?),
        }
    }

    /// Receives what is there.
    fn take(&mut self, room: &mut [u8]) -> Result<usize> {
        match self.0.read(room) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Ok(0) => bail!("the agent has closed the connection"),
            result => Ok(result?),
        }
    }
}

/// Lets others have the processor, unless the time is up.
fn ask_again(deadline: Deadline) -> Result<()> {
    ensure!(deadline.remaining().is_some(), "the agent was silent for {:.0} s", deadline.limit().as_secs_f64());
    // On a busy host the agent may need this processor.
    thread::yield_now();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Awake, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Awake::over(ours).unwrap(), theirs)
    }

    #[test]
    fn more_than_a_socket_holds_goes_both_ways_at_once() {
        const LENGTH: usize = 4 << 20;
        let (mut ours, theirs) = pair();
        let echo = thread::spawn(move || std::io::copy(&mut &theirs, &mut &theirs).unwrap());
        ours.exchange_at_once(&vec![b'x'; LENGTH], LENGTH).unwrap();
        drop(ours);
        assert_eq!(echo.join().unwrap(), LENGTH as u64);
    }

    #[test]
    fn the_end_of_a_connection_is_an_error() {
        let (mut ours, theirs) = pair();
        drop(theirs);
        let error = ours.receive(&mut [0; 8]).unwrap_err();
        assert_eq!(error.to_string(), "the agent has closed the connection");
    }
}
