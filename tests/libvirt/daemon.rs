//! A libvirtd to talk to: the one that runs, one of our own for as long as a test needs it, or the newest.

use std::env;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use debian::libvirt::Libvirt as Newest;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::{find, is_root};
use tests::program::signal;
use tests::soon;

/// How often virsh is started to look for something.
pub const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// The environment variable that asks for the newest libvirt that Debian has, whatever its value.
const NEWEST: &str = "NANOQGA_NEWEST_LIBVIRT";

/// A bridge that nothing is connected to. A daemon of our own has it, in a network that is its own as well.
pub const BRIDGE: &str = "nanoqga0";

/// Where the newest libvirt listens, once it was started.
static SOCKET: Mutex<Option<PathBuf>> = Mutex::new(None);

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
    /// What is /run to the newest one.
    _run: Option<PrivateFolder>,
}

impl Daemon {
    fn start() -> Result<Self> {
        if wants_newest() {
            return Self::newest();
        }
        if answers() {
            return Ok(Self { children: Vec::new(), _run: None });
        }
        if !is_root() {
            bail!("no libvirtd answers at qemu:///system, and only root can start one: run the libvirt tests as root");
        }
        let mut daemon = Self { children: Vec::new(), _run: None };
        // A daemon that was killed leaves its socket.
        if UnixStream::connect("/run/libvirt/virtlogd-sock").is_err() {
            daemon.children.push(background(Command::new(program("virtlogd")?))?);
        }
        daemon.children.insert(0, libvirtd()?);
        soon().poll_every(BETWEEN_LOOKS, "an answer from libvirtd", || Ok(answers().then_some(())))?;
        Ok(daemon)
    }

    /// The newest one sees its own folder as /, and a private one as /run. It and its domains are the only processes it sees, and end when
    /// their standard input does, so at the latest with the tests.
    fn newest() -> Result<Self> {
        let root = Newest::newest()?.folder();
        let run = PrivateFolder::new()?;
        *SOCKET.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.path().join("libvirt/libvirt-sock"));
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--pid", "--fork", "sh", "-c", &[WITH_BRIDGE, IN_ITS_ROOT].concat()]);
        command.arg(root).arg(run.path());
        let daemon = Self { children: vec![with_input(command, Stdio::piped())?], _run: Some(run) };
        soon().poll_every(BETWEEN_LOOKS, "an answer from the newest libvirtd", || Ok(answers().then_some(())))?;
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for child in &mut self.children {
            // By the end of its input, or by SIGTERM, so that they remove their sockets and pid files. What cannot be told to end is killed.
            let input = child.stdin.take();
            let told = input.is_some() || signal(child.id(), "TERM").is_ok();
            drop(input);
            if !told || soon().poll("the end of a daemon", || Ok(child.try_wait()?)).is_err() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// Runs virsh and gives what it printed, once it has succeeded.
pub fn virsh(arguments: &[&str]) -> Result<String> {
    let run = virsh_command(arguments)?.stdin(Stdio::null()).output().context("cannot start virsh")?;
    if !run.status.success() {
        let said = String::from_utf8_lossy(&run.stderr);
        bail!("virsh {} ({}): {}", arguments.join(" "), run.status, said.trim());
    }
    Ok(String::from_utf8(run.stdout)?)
}

/// virsh at the system's libvirt, in English, ended when it takes too long.
pub fn virsh_command(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", &soon().limit().as_secs().to_string()]);
    add_virsh(&mut command)?;
    command.args(arguments).env("LC_ALL", "C");
    Ok(command)
}

/// Adds the words that run virsh at the system's libvirt.
pub fn add_virsh(command: &mut Command) -> Result<()> {
    let virsh = if wants_newest() { Newest::newest()?.virsh()? } else { Command::new("virsh") };
    command.arg(virsh.get_program()).args(virsh.get_args()).args(["--connect", &uri()]);
    Ok(())
}

/// What clients connect to.
pub fn uri() -> String {
    let socket = SOCKET.lock().unwrap_or_else(PoisonError::into_inner);
    match &*socket {
        Some(path) => format!("qemu+unix:///system?socket={}", path.display()),
        None => "qemu:///system".into(),
    }
}

/// Whether the daemon is the newest one, with the newest QEMU.
pub fn wants_newest() -> bool {
    env::var_os(NEWEST).is_some()
}

fn answers() -> bool {
    virsh(&["version"]).is_ok()
}

/// Starts libvirtd where it sees no KVM. Our domains do not use it, and where root may open /dev/kvm but QEMU's own user
/// may not, libvirt 9 takes what it knows of QEMU for outdated and asks it anew, for seconds, at every turn.
fn libvirtd() -> Result<Child> {
    let libvirtd = program("libvirtd")?;
    let own = Command::new("unshare").args(["--mount", "--net", "true"]).status().is_ok_and(|status| status.success());
    if !own {
        return background(Command::new(libvirtd));
    }
    let hide_kvm = if Path::new("/dev/kvm").exists() { HIDE_KVM } else { "" };
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "sh", "-c", &[WITH_BRIDGE, hide_kvm, r#"exec "$0""#].concat()]).arg(libvirtd);
    background(command)
}

const WITH_BRIDGE: &str = "
ip link add nanoqga0 type bridge && ip link set nanoqga0 up
";

/// The shell is the first process. With it all others end, and it inherits the domains, whose ends it waits for.
const IN_ITS_ROOT: &str = r#"
for folder in dev sys tmp; do mount --rbind "/$folder" "$0/$folder"; done
mount -t proc proc "$0/proc"
mount --bind "$1" "$0/run"
trap exit TERM
exec 3<&0
{ read -r _ <&3; kill $$; } &
chroot "$0" /usr/sbin/virtlogd &
chroot "$0" /usr/sbin/libvirtd &
wait
"#;

/// In the daemon's view alone, an empty file stands where /dev/kvm was. libvirt's own private /dev for each domain could
/// not carry that over, so it is told to do without.
const HIDE_KVM: &str = r#"
file=$(mktemp)
mount --bind "$file" /dev/kvm
echo 'namespaces = []' > "$file.conf"
mount --bind "$file.conf" /etc/libvirt/qemu.conf
rm "$file" "$file.conf"
"#;

fn program(name: &str) -> Result<PathBuf> {
    find(name).with_context(|| format!("{name} is not installed; `cargo xtask setup` does that"))
}

fn background(command: Command) -> Result<Child> {
    with_input(command, Stdio::null())
}

fn with_input(mut command: Command, input: Stdio) -> Result<Child> {
    command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("cannot start {command:?}"))
}
