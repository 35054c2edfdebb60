//! A running QEMU: started in a private folder, killed when dropped.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::client::Client;
use crate::deadline::Deadline;
use crate::folder::PrivateFolder;
use crate::logs::{CONSOLE_LOG, QEMU_LOG, read_lossy, tails};
use crate::qemu::{self, CONTROL, Config, Console, EVENTS, SNAPSHOTS, channel_socket};
use crate::qmp::Qmp;
use crate::snapshot;
use crate::supervisor::Supervised;

const ALIVE: &str = "alive.sock";

/// A guest under QEMU. QEMU ends with it, and with this process, whatever happens.
#[derive(Debug)]
pub struct Guest {
    qemu: Supervised,
    started: Instant,
    /// Where QEMU brings a console that is a socket.
    console: Option<UnixListener>,
    /// Where QEMU connects to as it starts: it does not start when we are gone.
    _alive: UnixListener,
    folder: PrivateFolder,
}

impl Guest {
    /// Starts QEMU. It does not wait for the guest: what is sent to a channel now is read when the guest gets there.
    ///
    /// # Errors
    /// When QEMU cannot be started. That it ended at once is found by the first to wait for something.
    pub fn start(config: &Config) -> Result<Self> {
        let folder = PrivateFolder::new()?;
        if config.snapshots {
            snapshot::make_room(&folder.path().join(SNAPSHOTS))?;
        }
        Self::start_in(folder, config.machine.qemu, &config.arguments(), config.console)
    }

    /// The same for any of QEMU's programs and arguments. Sockets and files are names in a private folder: `console.log` or
    /// `console.sock` for the console, `agent0.sock` and so on for channels, `qmp.sock` for QEMU's own control socket.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_program(program: &str, arguments: &[String], console: Console) -> Result<Self> {
        Self::start_in(PrivateFolder::new()?, program, arguments, console)
    }

    fn start_in(folder: PrivateFolder, program: &str, arguments: &[String], console: Console) -> Result<Self> {
        let said = File::create(folder.path().join(QEMU_LOG))?;
        let out = said.try_clone()?;
        let alive = UnixListener::bind(folder.path().join(ALIVE))?;
        let on_terminal = console == Console::Terminal;
        // We listen and QEMU connects: the other way round, what is printed before we are there would be lost.
        let console = match console {
            Console::File | Console::Terminal | Console::Absent => None,
            Console::Socket => Some(UnixListener::bind(folder.path().join("console.sock"))?),
        };
        let started = Instant::now();
        let qemu = Supervised::start(&qemu::program(program)?, |command| {
            command.args(["-chardev", &format!("socket,id=alive,path={ALIVE}")]).args(arguments);
            command.current_dir(folder.path());
            if !on_terminal {
                command.stdin(Stdio::null()).stdout(out).stderr(said);
            }
        })?;
        Ok(Self { qemu, started, console, _alive: alive, folder })
    }

    /// When QEMU was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// QEMU's process id.
    pub fn pid(&self) -> u32 {
        self.qemu.id()
    }

    /// Connects to the agent's first channel, as its only host.
    ///
    /// # Errors
    /// When QEMU does not listen before the deadline.
    pub fn connect(&mut self, deadline: Deadline) -> Result<Client> {
        self.connect_to(0, deadline)
    }

    /// Connects to channel `index`.
    ///
    /// # Errors
    /// When QEMU does not listen before the deadline.
    pub fn connect_to(&mut self, index: usize, deadline: Deadline) -> Result<Client> {
        let socket = self.socket(&channel_socket(index), deadline)?;
        Ok(Client::connect(&socket, deadline)?.quoting(self.folder.path()))
    }

    /// Takes the console of a guest that has it on a socket.
    ///
    /// # Errors
    /// When QEMU does not bring it before the deadline.
    pub fn take_console(&mut self, deadline: Deadline) -> Result<UnixStream> {
        let listener = self.console.take().context("this guest's console is no socket, or was taken before")?;
        listener.set_nonblocking(true)?;
        let taken = deadline.poll("QEMU's console", || match listener.accept() {
            Ok((stream, _)) => Ok(Some(stream)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        });
        let stream = taken.map_err(|error| anyhow!("{error:#}{}", self.tails()))?;
        stream.set_nonblocking(false)?;
        Ok(stream)
    }

    /// Connects to QEMU's own control socket, which serves one connection at a time.
    ///
    /// # Errors
    /// When QEMU does not listen or greet before the deadline.
    pub fn qmp(&mut self, deadline: Deadline) -> Result<Qmp> {
        let socket = self.socket(CONTROL, deadline)?;
        Qmp::connect(&socket, deadline)
    }

    /// Connects to QEMU's second control socket, which a guest has that is watched.
    ///
    /// # Errors
    /// When QEMU does not listen or greet before the deadline.
    pub fn events(&mut self, deadline: Deadline) -> Result<Qmp> {
        let socket = self.socket(EVENTS, deadline)?;
        Qmp::connect(&socket, deadline)
    }

    /// The folder in which QEMU runs: its logs, its sockets, and files that it is told to write without a path.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the guest has logged so far. Empty when it has no console.
    pub fn console(&self) -> String {
        read_lossy(&self.folder.path().join(CONSOLE_LOG))
    }

    /// Waits until the console holds `text`.
    ///
    /// # Errors
    /// When it does not before the deadline; the message quotes what it holds.
    pub fn console_shows(&self, text: &str, deadline: Deadline) -> Result<()> {
        deadline
            .poll(&format!("`{text}` on the console"), || Ok(self.console().contains(text).then_some(())))
            .map_err(|error| anyhow!("{error:#}{}", self.tails()))
    }

    /// Waits until QEMU ends.
    ///
    /// # Errors
    /// When it does not before the deadline; it goes on running then.
    pub fn wait(&mut self, deadline: Deadline) -> Result<ExitStatus> {
        let waited = deadline.poll("the end of QEMU", || Ok(self.qemu.try_wait()?));
        waited.map_err(|error| anyhow!("{error:#}{}", self.tails()))
    }

    /// Waits until QEMU ends, for ever.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        Ok(self.qemu.wait()?)
    }

    /// The ends of the guest's and of QEMU's log, for messages.
    pub fn tails(&self) -> String {
        tails(self.folder.path())
    }

    /// The path of a socket QEMU makes, once it is there.
    fn socket(&mut self, name: &str, deadline: Deadline) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        let found = deadline.poll(&format!("QEMU's {name}"), || match self.qemu.try_wait()? {
            Some(status) => bail!("QEMU has ended ({status})"),
            None => Ok(path.exists().then_some(())),
        });
        found.map(|()| path).map_err(|error| anyhow!("{error:#}{}", self.tails()))
    }
}
