//! The agent as the first process of a guest of another architecture, with Debian's kernel for that.

use std::fs::{self, File};
use std::process::Command;

use anyhow::{Result, ensure};
use debian::linux::{Extra, Kernel, config_on};
use debian::packages::alone;
use nanoqga_testkit::deadline::{Deadline, SOON};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::process::{find, output};
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use tests::booted::synchronise;
use tests::images::linux_agent_for;
use tests::soon;

use crate::disk::is_clean;

/// How many seconds the guest may take to boot.
const BOOT: u64 = 300;

#[test]
fn aarch64_is_asked_frozen_and_shut_down() -> Result<()> {
    let busybox = alone("arm64", "busybox-arm64", &[&["bookworm"]], "busybox-static")?;
    let busybox = Extra { path: "/bin/busybox", mode: 0o755, content: fs::read(busybox.path("bin/busybox"))? };
    let folder = PrivateFolder::new()?;
    let disk = folder.path().join("disk");
    File::create(&disk)?.set_len(16 << 20)?;
    output(Command::new(find("mkfs.ext4").unwrap_or_else(|| "mkfs.ext4".into())).arg("-q").arg(&disk), SOON)?;
    let (machine, initramfs) = (Machine::named("aarch64-virt-pcie")?, folder.path().join("initramfs"));
    let agent = linux_agent_for("aarch64")?;
    let mut config = config_on(machine, &Kernel::of_aarch64()?, &agent, Channel::Virtio, &initramfs, &[busybox])?;
    config.memory_kib = 256 << 10;
    config.disk(&format!("file={},format=raw", disk.display()), "");
    let mut guest = Guest::start(&config)?;
    let booted = Deadline::seconds(BOOT);
    let mut agent = guest.connect(booted)?;
    agent.execute("guest-sync", json!({"id": 1}), booted)?;
    synchronise(&mut agent, 2)?;
    let script = "busybox mount -t ext4 /dev/vda /mnt && echo kept > /mnt/file && busybox uname -m";
    let mut run = |script: &str| -> Result<String> {
        let program = json!({"path": "/bin/busybox", "arg": ["sh", "-c", script], "capture-output": true});
        let started = agent.execute("guest-exec", program, soon())?;
        let status = soon().poll("the end of a program", || {
            let status = agent.execute("guest-exec-status", started.clone(), soon())?;
            Ok((status["exited"] == true).then_some(status))
        })?;
        ensure!(status["exitcode"] == 0, "{status}");
        Ok(String::from_utf8(BASE64.decode(status["out-data"].as_str().unwrap_or_default())?)?)
    };
    ensure!(run(script)?.trim() == "aarch64");
    let os = agent.execute("guest-get-osinfo", json!({}), soon())?;
    ensure!(os["machine"] == "aarch64", "{os}");
    let file_systems = agent.execute("guest-get-fsinfo", json!({}), soon())?;
    let told = &file_systems[0];
    ensure!(told["mountpoint"] == "/mnt" && told["type"] == "ext4" && told["disk"][0]["dev"] == "/dev/vda", "{told}");
    ensure!(agent.execute("guest-fsfreeze-freeze", json!({}), soon())? == 1);
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "frozen");
    ensure!(agent.execute("guest-fsfreeze-thaw", json!({}), soon())? == 1);
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    ensure!(guest.wait(soon())?.success());
    is_clean(&disk)
}
