//! The agent under the inits of distributions, each in a guest with the distribution's own files: asked, frozen, and shut down.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use debian::packages::{Root, root};
use nanoqga_testkit::client::Client;
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tests::booted::resynchronise_after_another;
use tests::soon;

use crate::disk::{Installed, Tree};
use crate::packages::install;

/// Nobody answers at the console, which systemd would wait for. What is logged is shown there.
const BOOT: [&str; 4] = [
    "systemd.unit=multi-user.target",
    "systemd.mask=serial-getty@ttyS0.service",
    "systemd.journald.forward_to_console=1",
    "TERM=dumb",
];

/// Where the distributions' packages are.
pub const SUITES: [&[&str]; 2] = [&["trixie"], &["sid"]];

fn systemd() -> Result<Root> {
    root("systemd-guest", &SUITES, &["systemd", "systemd-sysv", "udev", "dash", "coreutils", "base-files", "procps"])
}

/// Debian's systemd with our package.
fn with_package(adjust: impl FnOnce(&Tree) -> Result<()>) -> Result<Installed> {
    let tree = Tree::copy(&systemd()?)?;
    install(&tree.path(""))?;
    adjust(&tree)?;
    tree.boot(&BOOT.join(" "))
}

#[test]
fn systemd_starts_the_package_and_starts_it_again_while_file_systems_are_frozen() -> Result<()> {
    let Installed { mut agent, mut guest, tree } = with_package(|_| Ok(()))?;
    answers(&mut agent, "systemd").with_context(|| guest.tails())?;
    let host = agent.execute("guest-get-host-name", json!({}), soon())?;
    ensure!(host["host-name"] == "installed", "{host}");
    // The agent is killed while it has a frozen file system. Whoever thaws that must not be killed with it.
    let script = "until test -e /run/qga.state.isfrozen; do sleep 0.1; done; sleep 0.5; kill -9 $PPID";
    agent.execute("guest-exec", json!({"path": "/bin/sh", "arg": ["-c", script]}), soon())?;
    ensure!(agent.execute("guest-fsfreeze-freeze", json!({}), soon())? == 1);
    // QEMU stops reading from a host that sends to a port which is closed.
    drop(agent);
    let started = || guest.console().matches("Started qemu-guest-agent.service").count();
    soon().poll("the next agent", || Ok((started() > 1).then_some(())))?;
    let mut agent = guest.connect(soon())?;
    resynchronise_after_another(&mut agent, 3)?;
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "frozen");
    ensure!(agent.execute("guest-fsfreeze-thaw", json!({}), soon())? == 1);
    ensure!(run(&mut agent, "echo $HOME")? == "/root\n");
    let restarts = run(&mut agent, "systemctl show -P NRestarts qemu-guest-agent.service")?;
    ensure!(restarts.trim() == "1", "{restarts}");
    let log = run(&mut agent, "journalctl --unit qemu-guest-agent.service --output cat")?;
    ensure!(
        log.contains("audit: guest-exec: /bin/sh -c until test") && log.contains("audit: guest-fsfreeze-thaw"),
        "{log}"
    );
    Installed { agent, guest, tree }.shut_down()
}

#[test]
fn systemd_restricts_an_agent_that_is_to_change_nothing() -> Result<()> {
    let mut installed = with_package(|tree| {
        let drop_in = tree.path("etc/systemd/system/qemu-guest-agent.service.d");
        fs::create_dir_all(&drop_in)?;
        fs::copy(tree.path("usr/share/doc/nanoqga/restricted.conf"), drop_in.join("restricted.conf"))?;
        Ok(())
    })?;
    let agent = &mut installed.agent;
    looks(agent)?;
    freezes(agent)?;
    let info = agent.execute("guest-info", json!({}), soon())?;
    let commands = info["supported_commands"].as_array().context("commands")?;
    for name in ["guest-exec", "guest-file-open", "guest-set-user-password", "guest-set-vcpus"] {
        ensure!(commands.iter().any(|command| command["name"] == name && command["enabled"] == false), "{name}");
    }
    let now = agent.execute("guest-get-time", json!({}), soon())?;
    agent.execute("guest-set-time", json!({"time": now}), soon())?;
    installed.shut_down()
}

#[test]
fn openrc_starts_its_service() -> Result<()> {
    let packages =
        ["openrc", "dash", "coreutils", "base-files", "mount", "sed", "grep", "procps", "bsdutils", "util-linux"];
    let tree = Tree::copy(&root("openrc-guest", &SUITES, &packages)?)?;
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/openrc");
    tree.write("etc/conf.d/qemu-guest-agent", &fs::read_to_string(packaging.join("qemu-guest-agent.confd"))?)?;
    fs::copy(packaging.join("qemu-guest-agent"), tree.path("etc/init.d/qemu-guest-agent"))?;
    fs::copy(tests::images::linux_agent()?, tree.path("usr/sbin/qemu-ga"))?;
    symlink("/etc/init.d/qemu-guest-agent", tree.path("etc/runlevels/default/qemu-guest-agent"))?;
    symlink("openrc-init", tree.path("usr/sbin/init"))?;
    let mut installed = tree.boot("")?;
    let Installed { agent, guest, .. } = &mut installed;
    answers(agent, "init").with_context(|| guest.tails())?;
    let status = run(agent, "rc-service qemu-guest-agent status")?;
    ensure!(status.contains("started"), "{status}");
    // What makes file systems read-only on the way down is in no package of Debian's that knows OpenRC.
    installed.switch_off()
}

/// The agent says what it sees, runs programs, freezes and thaws. The first process has this name.
fn answers(agent: &mut Client, init: &str) -> Result<()> {
    looks(agent)?;
    let name = run(agent, "cat /proc/1/comm")?;
    ensure!(name.contains(init), "{name}");
    freezes(agent)
}

fn looks(agent: &mut Client) -> Result<()> {
    ensure!(agent.execute("guest-ping", json!({}), soon())? == json!({}));
    let os = agent.execute("guest-get-osinfo", json!({}), soon())?;
    ensure!(os["id"] == "debian" && os["machine"] == "x86_64", "{os}");
    let interfaces = agent.execute("guest-network-get-interfaces", json!({}), soon())?;
    ensure!(interfaces[0]["name"] == "lo", "{interfaces}");
    let file_systems = agent.execute("guest-get-fsinfo", json!({}), soon())?;
    ensure!(
        file_systems.as_array().is_some_and(|all| all.iter().any(|one| one["mountpoint"] == "/")),
        "{file_systems}"
    );
    Ok(())
}

/// Freezes the one file system that has a disk, and thaws it.
pub fn freezes(agent: &mut Client) -> Result<()> {
    let mut number = |command| -> Result<Value> { agent.execute(command, json!({}), soon()) };
    ensure!(number("guest-fsfreeze-freeze")? == 1);
    ensure!(number("guest-fsfreeze-status")? == "frozen");
    ensure!(number("guest-fsfreeze-thaw")? == 1);
    ensure!(number("guest-fsfreeze-status")? == "thawed");
    Ok(())
}

/// What a shell script prints.
pub fn run(agent: &mut Client, script: &str) -> Result<String> {
    let program = json!({"path": "/bin/sh", "arg": ["-c", script], "capture-output": true});
    let started = agent.execute("guest-exec", program, soon())?;
    let status = soon().poll(&format!("the end of {script}"), || {
        let status = agent.execute("guest-exec-status", started.clone(), soon())?;
        Ok((status["exited"] == true).then_some(status))
    })?;
    let text = |name: &str| -> Result<String> {
        Ok(String::from_utf8(BASE64.decode(status[name].as_str().unwrap_or_default())?)?)
    };
    ensure!(status["exitcode"] == 0, "{script}: {status} {}", text("err-data")?);
    text("out-data")
}
