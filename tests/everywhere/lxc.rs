//! The agent as the first process of a container that libvirt's LXC driver starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use debian::packages::unpacked;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::{is_root, output, run};
use serde_json::json;
use tests::images::linux_agent;
use tests::program::signal;
use tests::soon;

const DRIVERS: &str = "usr/lib/x86_64-linux-gnu/libvirt/connection-driver";
const HELPERS: &str = "usr/lib/libvirt";

/// A libvirtd of our own, which shares no folder with another one. Where there are both kinds of control groups, libvirt 9 looks for
/// all controllers in the new one, and finds none.
const START: &str = r#"
set -e
mount --bind "$0/drivers" /usr/lib/x86_64-linux-gnu/libvirt/connection-driver
mount --bind "$0/helpers" /usr/lib/libvirt
if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
for folder in /run/libvirt /var/lib/libvirt /var/log/libvirt /etc/libvirt; do
    mkdir -p $folder
    mount -t tmpfs none $folder
done
exec libvirtd
"#;

/// The daemon, which ends with this.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        if signal(self.0.id(), "TERM").is_err() || soon().poll("libvirtd's end", || Ok(self.0.try_wait()?)).is_err() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

impl Daemon {
    fn start(folder: &Path) -> Result<Self> {
        let driver = unpacked("libvirt-daemon-driver-lxc", || Ok("libvirt-daemon-driver-lxc".into()))?;
        for (name, place) in [("drivers", DRIVERS), ("helpers", HELPERS)] {
            let copy = folder.join(name);
            run(Command::new("cp").arg("--archive").arg(Path::new("/").join(place)).arg(&copy), SOON)?;
            run(Command::new("cp").arg("--archive").arg(driver.join(place).join(".")).arg(&copy), SOON)?;
        }
        let said = fs::File::create(folder.join("said"))?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", START]).arg(folder);
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let daemon = Self(command.spawn().context("util-linux's unshare")?);
        let answers = || Ok(daemon.virsh(&["version"]).ok().map(drop));
        soon()
            .poll("an answer from libvirtd", answers)
            .with_context(|| fs::read_to_string(folder.join("said")).unwrap_or_default())?;
        Ok(daemon)
    }

    /// virsh at this daemon, whose socket only its own mounts have.
    fn virsh(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.0.id())).args(["virsh", "--connect", "lxc:///system"]);
        output(command.args(arguments).stderr(Stdio::null()), SOON)
    }
}

/// The files of a container: in memory, so that no file system of this machine could be frozen.
struct Files(PathBuf);

impl Files {
    fn new() -> Result<Self> {
        let files = Self(Path::new("/dev/shm").join(format!("nanoqga-lxc-{}", std::process::id())));
        for folder in ["run", "dev", "proc", "sys", "etc", "tmp"] {
            fs::create_dir_all(files.0.join(folder))?;
        }
        fs::copy(linux_agent()?, files.0.join("init"))?;
        Ok(files)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_container_of_libvirt_answers_and_ends_when_it_is_shut_down() -> Result<()> {
    ensure!(is_root(), "only root can start containers");
    let (folder, files) = (PrivateFolder::new()?, Files::new()?);
    let daemon = Daemon::start(folder.path())?;
    let xml = folder.path().join("agent.xml");
    let words = ["-v", "--method=unix-listen", "--path=/run/agent.sock", "--statedir=/run"];
    let words = words.map(|word| format!("<initarg>{word}</initarg>")).concat();
    fs::write(
        &xml,
        format!(
            "<domain type='lxc'><name>agent</name><memory unit='MiB'>64</memory>
             <os><type>exe</type><init>/init</init>{words}</os>
             <devices><filesystem type='mount'><source dir='{}'/><target dir='/'/></filesystem><console type='pty'/></devices>
             </domain>",
            files.0.display()
        ),
    )?;
    daemon.virsh(&["create", &xml.to_string_lossy()])?;
    let mut agent = Client::connect(&files.0.join("run/agent.sock"), soon())?;
    ensure!(agent.execute("guest-ping", json!({}), soon())? == json!({}));
    ensure!(agent.execute("guest-get-osinfo", json!({}), soon())?["machine"] == "x86_64");
    let started = json!({"path": "/init", "arg": ["--version"], "capture-output": true});
    let started = agent.execute("guest-exec", started, soon())?;
    let status = soon().poll("the end of a program", || {
        let status = agent.execute("guest-exec-status", started.clone(), soon())?;
        Ok((status["exited"] == true).then_some(status))
    })?;
    ensure!(status["exitcode"] == 0 && status["out-data"].is_string(), "{status}");
    let file_systems = agent.execute("guest-get-fsinfo", json!({}), soon())?;
    ensure!(file_systems == json!([]), "it would freeze {file_systems}");
    for command in ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw"] {
        ensure!(agent.execute(command, json!({}), soon())? == 0);
    }
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    soon().poll("the container's end", || Ok((!daemon.virsh(&["list", "--name"])?.contains("agent")).then_some(())))?;
    let said = agent.line(soon());
    ensure!(agent.is_closed(), "guest-shutdown was answered by {said:?}");
    Ok(())
}
