//! A libvirtd to talk to: the one that runs, or one of our own for as long as a test needs it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

use anyhow::{Context, Result, anyhow, bail};
use tests::soon;
use xtask::process::{find, is_root};

/// How long any one virsh may take.
const LIMIT_SECONDS: &str = "60";

/// The system's libvirt, as long as this is held.
#[derive(Debug)]
pub struct Daemon {
    /// Those we started, to be ended in this order. None when one was running.
    children: Vec<Child>,
}

impl Daemon {
    /// The daemon all tests of this run share.
    pub fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Daemon>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().map_err(|_| anyhow!("another test failed while it started libvirtd"))?;
        if let Some(daemon) = shared.upgrade() {
            return Ok(daemon);
        }
        let daemon = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&daemon);
        Ok(daemon)
    }

    fn start() -> Result<Self> {
        if answers() {
            return Ok(Self { children: Vec::new() });
        }
        if !is_root() {
            bail!("no libvirtd answers at qemu:///system, and only root can start one: run the libvirt tests as root");
        }
        let mut daemon = Self { children: Vec::new() };
        if !Path::new("/run/libvirt/virtlogd-sock").exists() {
            daemon.children.push(background("virtlogd")?);
        }
        daemon.children.insert(0, background("libvirtd")?);
        soon().poll("an answer from libvirtd", || Ok(answers().then_some(())))?;
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for child in &mut self.children {
            // By SIGTERM, so that they remove their sockets and pid files. What cannot be told to end is killed.
            let told = Command::new("kill").arg(child.id().to_string()).status().is_ok_and(|status| status.success());
            if !told || soon().poll("the end of a daemon", || Ok(child.try_wait()?)).is_err() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// Runs virsh and gives what it printed, once it has succeeded.
pub fn virsh(arguments: &[&str]) -> Result<String> {
    let run = virsh_command(arguments).stdin(Stdio::null()).output().context("cannot start virsh")?;
    if !run.status.success() {
        let said = String::from_utf8_lossy(&run.stderr);
        bail!("virsh {} ({}): {}", arguments.join(" "), run.status, said.trim());
    }
    Ok(String::from_utf8(run.stdout)?)
}

/// virsh at the system's libvirt, in English, ended when it takes too long.
pub fn virsh_command(arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", LIMIT_SECONDS, "virsh", "--connect", "qemu:///system"]);
    command.args(arguments).env("LC_ALL", "C");
    command
}

fn answers() -> bool {
    virsh(&["version"]).is_ok()
}

fn background(program: &str) -> Result<Child> {
    let path = find(program).with_context(|| format!("{program} is not installed; `cargo xtask setup` does that"))?;
    let mut command = Command::new(path);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("cannot start {program}"))
}
