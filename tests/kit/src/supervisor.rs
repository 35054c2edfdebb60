//! Programs that end when this process ends, even if it is killed.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

use crate::linux::killed_with_its_thread;

/// What a shell does beside a program, where no kernel kills it for us: it reads from us, and kills the program when there is
/// nobody to read from. A line says that the program has ended.
const WATCH: &str = r#"read -r line || kill -9 "$0""#;

/// A program that is killed when this is dropped, and when this process ends.
#[derive(Debug)]
pub(crate) struct Supervised {
    child: Child,
    watcher: Option<Watcher>,
}

impl Supervised {
    /// Starts a program; `adjust` adds to its command. A program is sure to end with us only from the moment when it has
    /// connected to something that we listen at, so it must do nothing lasting before.
    pub(crate) fn start(program: &Path, adjust: impl FnOnce(&mut Command)) -> Result<Self> {
        let killed_by_the_kernel = killed_with_its_thread(program);
        let needs_watcher = killed_by_the_kernel.is_none();
        let mut command = killed_by_the_kernel.unwrap_or_else(|| Command::new(program));
        adjust(&mut command);
        let child = spawn(command).with_context(|| format!("cannot start {}", program.display()))?;
        let mut this = Self { child, watcher: None };
        if needs_watcher {
            this.watcher = Some(Watcher::start(this.child.id())?);
        }
        Ok(this)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // Before the program's number is free for another.
        drop(self.watcher.take());
        // Fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program from a thread that lives as long as this process: a test's thread may end before its guest.
fn spawn(command: Command) -> Result<Child> {
    type Job = (Command, Sender<io::Result<Child>>);
    static JOBS: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
        let (jobs, taken) = mpsc::channel::<Job>();
        thread::spawn(move || {
            for (mut command, reply) in taken {
                // Who asked waits for it.
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(jobs)
    });
    let (reply, started) = mpsc::channel();
    JOBS.lock().unwrap_or_else(PoisonError::into_inner).send((command, reply))?;
    Ok(started.recv()??)
}

/// A shell that kills a program when we are gone.
#[derive(Debug)]
struct Watcher(Child);

impl Watcher {
    fn start(program: u32) -> Result<Self> {
        Ok(Self(Command::new("sh").args(["-c", WATCH, &program.to_string()]).stdin(Stdio::piped()).spawn()?))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Fails only when the shell was killed.
        let _ = self.0.stdin.take().map(|mut line| line.write_all(b"\n"));
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::soon;

    #[test]
    fn a_program_ends_with_its_value_and_not_with_the_thread_that_asked_for_it() {
        let start = || Supervised::start(Path::new("sleep"), |command| _ = command.arg("infinity"));
        let mut program = thread::spawn(start).join().unwrap().unwrap();
        assert!(program.try_wait().unwrap().is_none());
        let pid = program.id().to_string();
        let is_there = || Command::new("kill").args(["-0", &pid]).stderr(Stdio::null()).status().unwrap().success();
        assert!(is_there());
        drop(program);
        assert!(!is_there());
    }

    #[test]
    fn a_watcher_kills_when_nobody_is_there_and_only_then() {
        let mut program = Command::new("sleep").arg("infinity").spawn().unwrap();
        drop(Watcher::start(program.id()).unwrap());
        assert!(program.try_wait().unwrap().is_none());
        let mut watcher = Watcher::start(program.id()).unwrap();
        // As when this process is killed: the pipe is closed, and no line was written.
        drop(watcher.0.stdin.take());
        soon().poll("the program's end", || Ok(program.try_wait()?)).unwrap();
    }
}
