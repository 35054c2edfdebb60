//! The words of failures: a guest with two agents in it, ours and qemu-ga, which are asked for the same things that cannot be done.

use anyhow::{Result, ensure};
use debian::linux::Extra;
use nanoqga_testkit::client::{Client, request_line};
use nanoqga_testkit::folder::PrivateFolder;
use serde_json::{Value, json};
use tests::{Booted, soon};

use crate::both;
use crate::filesystems::{attach, ext4};
use crate::inside::run;

/// What qemu-ga runs, beside what is missing here: programs that it needs, and a hook that a file tells what to do.
const SETUP: &str = "busybox mkdir -p /sbin && busybox ln -s /bin/busybox /sbin/hwclock && \
    busybox mount -t ext4 /dev/vda /mnt && echo exit 0 > /tmp/hook";
const CHPASSWD: &str = "#!/bin/busybox sh\nread line; echo chpasswd cannot: ${line%%:*} >&2; exit 1\n";
const HOOK: &str = "#!/bin/busybox sh\n. /tmp/hook\n";

/// A guest with both agents, and qemu-ga's connection. The folder keeps the disk.
fn with_both() -> Result<(Booted, Client, PrivateFolder)> {
    let file = |path, mode, content: &str| Extra { path, mode, content: content.into() };
    let files = Vec::from([
        file("/bin/chpasswd", 0o755, CHPASSWD),
        file("/hook", 0o755, HOOK),
        file("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nbob:x:3:3::/tmp/bob:/bin/sh\n"),
        file("/etc/shadow", 0o640, "root:*:1:0:99999:7:::\nbob:*:1:0:99999:7:::\n"),
    ]);
    let folder = PrivateFolder::new()?;
    let disk = folder.path().join("disk");
    ext4(&disk)?;
    let (mut booted, theirs) = both::boot(files, |config| attach(config, &disk))?;
    run(&mut booted.agent, SETUP)?;
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
