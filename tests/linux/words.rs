//! The words of failures: a guest with two agents in it, ours and qemu-ga, which are asked for the same things that cannot be done.

use std::fs;

use anyhow::{Context, Result, ensure};
use debian::linux::Extra;
use debian::reference::QemuGa;
use nanoqga_testkit::client::{Client, request_line};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::Channel;
use serde_json::{Value, json};
use tests::booted::synchronise;
use tests::{Booted, soon};

use crate::booted::boot_with;
use crate::filesystems::{attach, ext4};
use crate::inside::{busybox, run, start};

/// What qemu-ga runs, beside the programs that are missing here: those that it needs, and a hook that a file tells what to do.
const SETUP: &str = "busybox mkdir -p /sbin /tmp/state && busybox ln -s /bin/busybox /sbin/hwclock && \
    busybox mount -t ext4 /dev/vda /mnt && echo exit 0 > /tmp/hook";
const CHPASSWD: &str = "#!/bin/busybox sh\nread line; echo chpasswd cannot: ${line%%:*} >&2; exit 1\n";
const HOOK: &str = "#!/bin/busybox sh\n. /tmp/hook\n";

const QEMU_GA: &str = "exec /bin/ld-linux-x86-64.so.2 --library-path /bin /bin/qemu-ga --statedir=/tmp/state \
    --fsfreeze-hook=/hook --method=isa-serial --path=/dev/ttyS1";

/// A guest with both agents, and qemu-ga's connection. The folder keeps the disk.
fn with_both() -> Result<(Booted, Client, PrivateFolder)> {
    let qemu_ga = QemuGa::find()?;
    let mut files = Vec::from([("/bin/qemu-ga".to_owned(), fs::read(qemu_ga.executable().program())?)]);
    for (place, file) in qemu_ga.libraries()? {
        let name = place.file_name().context("a library has a name")?.to_string_lossy();
        files.push((format!("/bin/{name}"), fs::read(file)?));
    }
    let file = |path, mode, content: &str| Extra { path, mode, content: content.into() };
    let mut extras = Vec::from([
        busybox()?,
        file("/bin/chpasswd", 0o755, CHPASSWD),
        file("/hook", 0o755, HOOK),
        file("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nbob:x:3:3::/tmp/bob:/bin/sh\n"),
        file("/etc/shadow", 0o640, "root:*:1:0:99999:7:::\nbob:*:1:0:99999:7:::\n"),
    ]);
    extras.extend(files.into_iter().map(|(path, content)| Extra { path: path.leak(), mode: 0o755, content }));
    let folder = PrivateFolder::new()?;
    let disk = folder.path().join("disk");
    ext4(&disk)?;
    let mut booted = boot_with(Channel::Virtio, &extras, |config| {
        config.channels.push(Channel::Com2);
        config.memory_kib = 192 << 10;
        config.append += " --fsfreeze-hook=/hook";
        attach(config, &disk);
    })?;
    run(&mut booted.agent, SETUP)?;
    start(&mut booted.agent, QEMU_GA)?;
    // What comes over a serial line that nobody has open is lost.
    let is_open = "for name in /proc/[0-9]*/fd/*; do busybox readlink $name; done; true";
    soon().poll("qemu-ga", || Ok(run(&mut booted.agent, is_open)?.contains("/dev/ttyS1").then_some(())))?;
    let mut theirs = booted.guest.connect_to(1, soon())?;
    synchronise(&mut theirs, 1)?;
    Ok((booted, theirs, folder))
}

/// Where both must say the same.
enum Alike {
    Whole,
    /// Up to here. What follows are the words of a library or a program that qemu-ga uses, and ours does not.
    Begin(&'static str),
}

#[test]
fn what_fails_is_told_in_the_words_of_qemu_ga() -> Result<()> {
    use Alike::{Begin, Whole};
    let (Booted { mut agent, guest: _guest }, mut theirs, _disk) = with_both()?;
    let keys = |user: &str| json!({"username": user, "keys": ["ssh-ed25519 AAAA one"]});
    let password = |user: &str| json!({"username": user, "password": "eA==", "crypted": false});
    let processor = |id: i64, online: bool| json!({"vcpus": [{"logical-id": id, "online": online}]});
    let hook = "child process has failed to execute fsfreeze hook: ";
    let clock = "child process has failed to set hardware clock to system time: ";
    let lookup = "failed to lookup user 'eve': ";
    // What is done in the guest before; the command.
    let cases = [
        ("", "guest-set-vcpus", processor(9999, true), Whole),
        ("", "guest-set-vcpus", processor(-1, true), Whole),
        ("", "guest-set-vcpus", processor(0, false), Whole),
        ("", "guest-set-user-password", password("eve"), Begin("child process has failed to set user password: ")),
        ("", "guest-ssh-get-authorized-keys", json!({"username": "eve"}), Begin(lookup)),
        ("", "guest-ssh-add-authorized-keys", keys("eve"), Begin(lookup)),
        ("", "guest-ssh-remove-authorized-keys", keys("eve"), Begin(lookup)),
        (
            "",
            "guest-ssh-get-authorized-keys",
            json!({"username": "bob"}),
            Begin("failed to read '/tmp/bob/.ssh/authorized_keys': "),
        ),
        ("", "guest-ssh-add-authorized-keys", keys("bob"), Whole),
        ("", "guest-suspend-disk", json!({}), Whole),
        ("", "guest-file-open", json!({"path": "/tmp", "mode": "w"}), Whole),
        ("busybox rm /dev/rtc*", "guest-set-time", json!({}), Begin(clock)),
        ("echo exit 3 > /tmp/hook", "guest-fsfreeze-freeze", json!({}), Whole),
        ("echo 'echo no database >&2; exit 3' > /tmp/hook", "guest-fsfreeze-freeze", json!({}), Begin(hook)),
        ("busybox chmod 644 /hook", "guest-fsfreeze-freeze", json!({}), Whole),
        (
            "busybox chmod 755 /hook; echo exit 0 > /tmp/hook; echo dirty > /mnt/file; \
             cd /sys/bus/virtio/drivers/virtio_blk; for name in virtio*; do echo $name > unbind; done",
            "guest-fsfreeze-freeze",
            json!({}),
            Whole,
        ),
    ];
    let mut different = Vec::new();
    for (before, command, arguments, alike) in cases {
        if !before.is_empty() {
            run(&mut agent, before)?;
        }
        let line = request_line(command, Some(&arguments));
        let [our, their] = [&mut agent, &mut theirs].map(|agent| told(agent, &line));
        let (our, their) = (our?, their?);
        let is_alike = match alike {
            Whole => our == their,
            Begin(begin) => [&our, &their].iter().all(|text| text.starts_with(begin) && text.len() > begin.len()),
        };
        if !is_alike {
            different.push(format!("{line}\n     ours: {our}\nreference: {their}"));
        }
    }
    ensure!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}

/// The text of an error, without line ends that a program has written, or what was returned.
fn told(agent: &mut Client, line: &str) -> Result<String> {
    let reply: Value = agent.request(line, soon())?.json()?;
    Ok(reply["error"]["desc"].as_str().map_or_else(|| reply.to_string(), |text| text.trim_end().into()))
}
