//! A libvirtd to talk to: the one that runs, or one of our own for as long as a test needs it.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::process::{find, is_root};
use tests::program::signal;
use tests::soon;

/// How often virsh is started to look for something.
pub const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// The daemon that all tests of this run share, and how many of them use it. Locked while it starts and while it ends, so
/// that no new one starts beside one that is about to go.
static SHARED: Mutex<(usize, Option<Daemon>)> = Mutex::new((0, None));

/// The system's libvirt, as long as this is held.
#[derive(Debug)]
pub struct Libvirt(());

impl Libvirt {
    /// Starts the daemon, unless it runs.
    pub fn shared() -> Result<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let (users, daemon) = &mut *shared;
        if daemon.is_none() {
            *daemon = Some(Daemon::start()?);
        }
        *users += 1;
        Ok(Self(()))
    }
}

impl Drop for Libvirt {
    fn drop(&mut self) {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let (users, daemon) = &mut *shared;
        *users -= 1;
        if *users == 0 {
            *daemon = None;
        }
    }
}

#[derive(Debug)]
struct Daemon {
    /// Those we started, to be ended in this order. None when one was running.
    children: Vec<Child>,
}

impl Daemon {
    fn start() -> Result<Self> {
        if answers() {
            return Ok(Self { children: Vec::new() });
        }
        if !is_root() {
            bail!("no libvirtd answers at qemu:///system, and only root can start one: run the libvirt tests as root");
        }
        let mut daemon = Self { children: Vec::new() };
        // A daemon that was killed leaves its socket.
        if UnixStream::connect("/run/libvirt/virtlogd-sock").is_err() {
            daemon.children.push(background(Command::new(program("virtlogd")?))?);
        }
        daemon.children.insert(0, libvirtd()?);
        soon().poll_every(BETWEEN_LOOKS, "an answer from libvirtd", || Ok(answers().then_some(())))?;
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for child in &mut self.children {
            // By SIGTERM, so that they remove their sockets and pid files. What cannot be told to end is killed.
            if signal(child.id(), "TERM").is_err()
                || soon().poll("the end of a daemon", || Ok(child.try_wait()?)).is_err()
            {
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
    command.args(["--kill-after=5", &soon().limit().as_secs().to_string(), "virsh", "--connect", "qemu:///system"]);
    command.args(arguments).env("LC_ALL", "C");
    command
}

fn answers() -> bool {
    virsh(&["version"]).is_ok()
}

/// Starts libvirtd where it sees no KVM. Our domains do not use it, and where root may open /dev/kvm but QEMU's own user
/// may not, libvirt 9 takes what it knows of QEMU for outdated and asks it anew, for seconds, at every turn.
fn libvirtd() -> Result<Child> {
    let libvirtd = program("libvirtd")?;
    let own_mounts = Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success());
    if !Path::new("/dev/kvm").exists() || !own_mounts {
        return background(Command::new(libvirtd));
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", HIDE_KVM]).arg(libvirtd);
    background(command)
}

/// In the daemon's view alone, an empty file stands where /dev/kvm was. libvirt's own private /dev for each domain could
/// not carry that over, so it is told to do without.
const HIDE_KVM: &str = r#"
file=$(mktemp)
mount --bind "$file" /dev/kvm
echo 'namespaces = []' > "$file.conf"
mount --bind "$file.conf" /etc/libvirt/qemu.conf
rm "$file" "$file.conf"
exec "$0"
"#;

fn program(name: &str) -> Result<PathBuf> {
    find(name).with_context(|| format!("{name} is not installed; `cargo xtask setup` does that"))
}

fn background(mut command: Command) -> Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("cannot start {command:?}"))
}
