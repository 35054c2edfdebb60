//! Agents that are programs on this host, at unix sockets: ours, and the one that it replaces.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use debian::executable::Executable;
use debian::reference::QemuGa;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::{Deadline, SOON};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::run;

use crate::booted::soon;
use crate::images::linux_agent;

/// Our agent, built once per run.
///
/// # Errors
/// When it cannot be built.
pub fn ours() -> Result<Executable> {
    linux_agent().map(Executable::new)
}

/// QEMU's own agent: the newest that can be had.
///
/// # Errors
/// When there is none.
pub fn reference() -> Result<Executable> {
    QemuGa::find().map(|found| found.executable().clone())
}

/// The user and the group that own nothing, on every Linux.
const NOBODY: u32 = 65534;

/// A program that serves a unix socket in a folder of its own. It ends with this.
#[derive(Debug)]
pub struct Program {
    child: Child,
    folder: PrivateFolder,
}

impl Program {
    /// Starts an agent with `arguments` beside those that give it its socket and its state directory.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Executable, arguments: &[&str]) -> Result<Self> {
        Self::start_in(PrivateFolder::new()?, program, arguments)
    }

    /// The same, with more in its environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_with(program: &Executable, environment: &[(&str, &str)]) -> Result<Self> {
        Self::spawn(PrivateFolder::new()?, program, &[], |command| {
            command.envs(environment.iter().copied());
        })
    }

    /// The same, as a user who can change nothing but that folder, in which it also is: nobody, where we are root. Empty files
    /// of these names are there before.
    ///
    /// # Errors
    /// When it cannot be started, or is not powerless.
    pub fn start_powerless(program: &Executable, arguments: &[&str], files: &[&str]) -> Result<Self> {
        let folder = PrivateFolder::new()?;
        for file in files {
            File::create(folder.path().join(file))?;
        }
        // Where we built it, nobody may have no access.
        let copy = program.copied_to(folder.path(), "agent")?;
        let is_root = fs::metadata(copy.program())?.uid() == 0;
        if is_root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
        }
        let place = folder.path().to_owned();
        let program = Self::spawn(folder, &copy, arguments, |command| {
            command.current_dir(place);
            if is_root {
                command.uid(NOBODY).gid(NOBODY);
            }
        })?;
        let status = fs::read_to_string(format!("/proc/{}/status", program.pid()))?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let users: Vec<_> = field("Uid:").split('\t').collect();
        ensure!(users.len() == 4 && users.iter().all(|user| *user != "0"), "it runs as root: {status}");
        ensure!(field("CapEff:") == "0000000000000000", "it has a capability: {status}");
        Ok(program)
    }

    /// The same, in a folder that has been prepared.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_in(folder: PrivateFolder, program: &Executable, arguments: &[&str]) -> Result<Self> {
        Self::spawn(folder, program, arguments, |_| {})
    }

    fn spawn(
        folder: PrivateFolder,
        program: &Executable,
        arguments: &[&str],
        adjust: impl FnOnce(&mut Command),
    ) -> Result<Self> {
        let said = File::create(folder.path().join("said"))?;
        // Shells have what they run in the background ignore some signals, and an agent's programs would inherit that.
        let mut command = Command::new("env");
        let agent = program.command();
        command.arg("--default-signal").arg(agent.get_program()).args(agent.get_args());
        command.args(["-m", "unix-listen", "-p"]).arg(folder.path().join("agent.sock"));
        command.arg("-t").arg(folder.path()).arg("-f").arg(folder.path().join("pid")).args(arguments);
        adjust(&mut command);
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.program().display()))?;
        Ok(Self { child, folder })
    }

    /// Where its socket, its state and what it said are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Connects to its socket.
    ///
    /// # Errors
    /// When it does not listen soon.
    pub fn connect(&self) -> Result<Client> {
        Client::connect(&self.folder().join("agent.sock"), soon())
            .map_err(|error| anyhow!("{error:#}\nThe agent said:\n{}", self.said()))
    }

    /// What it has said on stdout and stderr.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder().join("said")).unwrap_or_default()
    }

    /// Sends it a signal, by its name without SIG.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, name: &str) -> Result<()> {
        signal(self.pid(), name)
    }

    /// How it has ended, once it has.
    ///
    /// # Errors
    /// When it does not end in time; it goes on running then.
    pub fn wait(&mut self, deadline: Deadline) -> Result<ExitStatus> {
        deadline.poll("the end of the agent", || Ok(self.child.try_wait()?))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a process a signal, by its name without SIG.
///
/// # Errors
/// When there is no such process.
pub fn signal(pid: u32, name: &str) -> Result<()> {
    // The shell's own: a small Debian has no program of that name.
    run(Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, name, &pid.to_string()]), SOON)
}
