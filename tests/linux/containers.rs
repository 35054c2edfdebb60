//! The agent as the first process of a container.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::folder::PrivateFolder;
use serde_json::json;
use tests::booted::synchronise;
use tests::program::ours;
use tests::soon;

use crate::beside::finished;

/// A process that ends with this.
struct Container(std::process::Child);

impl Drop for Container {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A container that shares the files of this host: namespaces of its own for users, processes, mounts and the name.
fn start(folder: &PrivateFolder) -> Result<(Container, Client)> {
    let ours = ours()?;
    let said = File::create(folder.path().join("said"))?;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc", "--mount", "--uts"]);
    command.arg(ours.program()).args(["-v", "-m", "unix-listen", "-p"]).arg(folder.path().join("agent.sock"));
    command.arg("-t").arg(folder.path()).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    let container = Container(command.spawn().context("util-linux's unshare")?);
    let client = Client::connect(&folder.path().join("agent.sock"), soon())
        .with_context(|| fs::read_to_string(folder.path().join("said")).unwrap_or_default())?;
    Ok((container, client))
}

#[test]
fn a_container_keeps_its_files_and_name_and_ends_when_it_is_shut_down() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let (mut container, mut client) = start(&folder)?;
    synchronise(&mut client, 1)?;
    let name = client.execute("guest-get-host-name", json!({}), soon())?;
    let own = fs::read_to_string("/proc/sys/kernel/hostname")?;
    ensure!(name["host-name"] == own.trim(), "{name}");
    // Nothing is mounted over what this host has there.
    let inside = finished(&mut client, "cat", &["/proc/1/mountinfo"])?;
    let outside = fs::read_to_string("/proc/self/mountinfo")?;
    for place in ["/run", "/tmp", "/sys", "/dev", "/dev/shm", "/dev/pts"] {
        let count = |text: &str| text.lines().filter(|line| line.split(' ').nth(4) == Some(place)).count();
        ensure!(count(&inside) == count(&outside), "{place}: {inside}");
    }
    client.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    soon().poll("the end of the container", || Ok(container.0.try_wait()?.map(drop)))?;
    let said = client.line(soon());
    ensure!(client.is_closed(), "guest-shutdown was answered by {said:?}");
    Ok(())
}
