//! Accounts whose files others write, too: odd lines, full disks, users who are kept elsewhere, links.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use debian::linux::Extra;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::process::{find, output};
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tests::{Booted, soon};

use crate::booted::boot_with;
use crate::filesystems::attach;
use crate::inside::{busybox, refused, run, start};

const GETENT: &str = "#!/bin/busybox sh\nif test \"$*\" = \"passwd -- lena\"; then echo lena:*:2000:2000::/tmp/lena:/bin/sh; \
    else exit 2; fi\n";

fn with_accounts() -> Result<Booted> {
    let file = |path, mode, content: &[u8]| Extra { path, mode, content: content.into() };
    let files = [
        busybox()?,
        file("/bin/getent", 0o755, GETENT.as_bytes()),
        file(
            "/etc/passwd",
            0o644,
            b"jos\xe9:x:1:1:\xff:/:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\nbob:x:3:3::/tmp/bob:/bin/sh\n",
        ),
        file("/etc/shadow", 0o640, b"jos\xe9:*:1:0:99999:7:::\nroot:*:1:0:99999:7:::\n"),
    ];
    boot_with(Channel::Virtio, &files, |_| {})
}

fn password(user: &str, password: &[u8], crypted: bool) -> Value {
    json!({"username": user, "password": BASE64.encode(password), "crypted": crypted})
}

/// The hash in a user's line.
fn hash_of(agent: &mut Client, user: &str) -> Result<String> {
    let line = run(agent, &format!("busybox grep -a ^{user}: /etc/shadow"))?;
    Ok(line.split(':').nth(1).unwrap_or_default().into())
}

#[test]
fn a_line_that_is_no_text_is_kept_and_hides_nobody() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_accounts()?;
    agent.execute("guest-set-user-password", password("root", b"secret", false), soon())?;
    ensure!(hash_of(&mut agent, "root")?.starts_with("$6$"));
    let kept = run(&mut agent, "busybox head -n 1 /etc/shadow | busybox od -A n -t x1 | busybox head -n 1")?;
    ensure!(kept.trim().starts_with("6a 6f 73 e9 3a 2a 3a"), "{kept}");
    ensure!(
        run(&mut agent, "busybox stat -c %a /etc/shadow; busybox ls /etc")?.lines().eq(["640", "passwd", "shadow"])
    );
    Ok(())
}

#[test]
fn a_user_without_a_line_in_shadow_gets_one() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_accounts()?;
    agent.execute("guest-set-user-password", password("bob", b"secret", false), soon())?;
    let hash = hash_of(&mut agent, "bob")?;
    let salt = hash.split('$').nth(2).unwrap_or_default();
    let again = run(&mut agent, &format!("busybox mkpasswd -m sha512 -S {salt} secret"))?;
    ensure!(again.trim() == hash, "{again} for {hash}");
    Ok(())
}

#[test]
fn a_password_that_nobody_could_log_in_with_is_refused() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_accounts()?;
    for (bytes, crypted, expected) in [
        (b"".as_slice(), false, "the password is empty"),
        (&[b'x'; 600], false, "the password is longer than 511 bytes"),
        (b"a\0b", false, "the password has a zero byte in it"),
        (b"", true, "the password is not as crypt makes it"),
        (b"a:b", true, "the password is not as crypt makes it"),
    ] {
        let text = refused(&mut agent, "guest-set-user-password", &password("root", bytes, crypted))?;
        ensure!(text == format!("child process has failed to set user password: user 'root': {expected}"), "{text}");
    }
    let text = refused(&mut agent, "guest-set-user-password", &password("root", b"a\nb", false))?;
    ensure!(text == "forbidden characters in raw password", "{text}");
    ensure!(hash_of(&mut agent, "root")? == "*");
    Ok(())
}

#[test]
fn a_lock_that_somebody_has_is_waited_for() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_accounts()?;
    // The pid file of a daemon is locked as lckpwdf(3) locks this file.
    run(
        &mut agent,
        "/init -d -f /etc/.pwd.lock -m unix-listen -p /tmp/other.sock -t /tmp && \
         until busybox test -s /etc/.pwd.lock; do busybox usleep 10000; done",
    )?;
    start(&mut agent, "busybox sleep 2; echo > /tmp/released; read pid < /etc/.pwd.lock; busybox kill $pid")?;
    agent.execute("guest-set-user-password", password("root", b"secret", false), soon())?;
    run(&mut agent, "busybox test -e /tmp/released").context("it was not waited for")?;
    ensure!(hash_of(&mut agent, "root")?.starts_with("$6$"));
    Ok(())
}

#[test]
fn a_full_disk_leaves_the_old_file_whole_and_no_lock() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_accounts()?;
    run(
        &mut agent,
        "busybox mkdir /tmp/etc && busybox cp /etc/* /tmp/etc && busybox mount -t tmpfs -o size=64k none /etc && \
         busybox cp /tmp/etc/* /etc && (busybox dd if=/dev/zero of=/etc/full bs=4k; true)",
    )?;
    let text = refused(&mut agent, "guest-set-user-password", &password("root", b"secret", false))?;
    ensure!(text.ends_with("No space left on device"), "{text}");
    let left = run(&mut agent, "busybox cmp /etc/shadow /tmp/etc/shadow && busybox ls /etc")?;
    ensure!(
        left.lines().all(|name| !name.contains("shadow.") && !name.ends_with('+') && !name.ends_with("d.lock")),
        "{left}"
    );
    run(&mut agent, "busybox rm /etc/full")?;
    agent.execute("guest-set-user-password", password("root", b"secret", false), soon()).map(drop)
}

#[test]
fn a_user_who_is_kept_elsewhere_is_found() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_accounts()?;
    run(&mut agent, "busybox mkdir /tmp/lena && busybox chown 2000:2000 /tmp/lena")?;
    let keys = |keys: &[&str]| json!({"username": "lena", "keys": keys});
    // There is nothing to remove yet.
    agent.execute("guest-ssh-remove-authorized-keys", keys(&["ssh-rsa BBBB two"]), soon())?;
    agent.execute("guest-ssh-add-authorized-keys", keys(&["ssh-ed25519 AAAA one"]), soon())?;
    let told = agent.execute("guest-ssh-get-authorized-keys", json!({"username": "lena"}), soon())?;
    ensure!(told == json!({"keys": ["ssh-ed25519 AAAA one"]}), "{told}");
    let owner = run(&mut agent, "busybox stat -c %u:%g:%a /tmp/lena/.ssh/authorized_keys")?;
    ensure!(owner.trim() == "2000:2000:600", "{owner}");
    let text = refused(&mut agent, "guest-set-user-password", &password("lena", b"secret", false))?;
    ensure!(text.ends_with("the user is not in /etc/passwd, so the password is kept elsewhere"), "{text}");
    let text = refused(&mut agent, "guest-set-user-password", &password("--help", b"secret", false))?;
    ensure!(text.ends_with("there is no such user"), "{text}");
    Ok(())
}

#[test]
fn a_link_among_a_users_keys_shows_and_changes_nothing() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_accounts()?;
    run(
        &mut agent,
        "busybox mkdir -p /tmp/bob/.ssh && echo secret > /tmp/secret && busybox chmod 600 /tmp/secret && \
         busybox ln -s /tmp/secret /tmp/bob/.ssh/authorized_keys && busybox chown -R 3:3 /tmp/bob",
    )?;
    let bob = json!({"username": "bob", "keys": ["ssh-rsa BBBB two"]});
    for (command, arguments) in [
        ("guest-ssh-get-authorized-keys", json!({"username": "bob"})),
        ("guest-ssh-add-authorized-keys", bob.clone()),
        ("guest-ssh-remove-authorized-keys", bob),
    ] {
        let text = refused(&mut agent, command, &arguments)?;
        ensure!(text.ends_with("Too many levels of symbolic links"), "{command}: {text}");
    }
    ensure!(run(&mut agent, "busybox cat /tmp/secret")? == "secret\n");
    Ok(())
}

/// What debugfs does with a disk that nobody has mounted.
fn debugfs(disk: &Path, request: &str) -> Result<String> {
    let program = find("debugfs").unwrap_or_else(|| "debugfs".into());
    output(Command::new(program).args(["-w", "-R", request]).arg(disk), SOON)
}

#[test]
fn labels_stay_on_files_that_are_written_anew() -> Result<()> {
    const FILES: [(&str, &str); 2] =
        [("shadow", "root:*:1:0:99999:7:::\n"), ("bob/.ssh/authorized_keys", "ssh-rsa BBBB two\n")];
    const LABELS: [(&str, &str); 3] =
        [("security.selinux", "system_u:object_r:shadow_t:s0"), ("user.note", "kept"), ("trusted.note", "kept too")];
    let folder = PrivateFolder::new()?;
    let (etc, disk) = (folder.path().join("etc"), folder.path().join("disk"));
    fs::create_dir_all(etc.join("bob/.ssh"))?;
    fs::write(etc.join("passwd"), "root:x:0:0:root:/root:/bin/sh\nbob:x:3:3::/etc/bob:/bin/sh\n")?;
    for (name, content) in FILES {
        fs::write(etc.join(name), content)?;
    }
    File::create(&disk)?.set_len(16 << 20)?;
    let program = find("mkfs.ext4").unwrap_or_else(|| "mkfs.ext4".into());
    output(Command::new(program).arg("-q").arg("-d").arg(&etc).arg(&disk), SOON)?;
    for (file, _) in FILES {
        for (label, value) in LABELS {
            debugfs(&disk, &format!("ea_set /{file} {label} {value:?}"))?;
        }
    }
    let Booted { mut agent, mut guest } = boot_with(Channel::Virtio, &[busybox()?], |config| attach(config, &disk))?;
    run(&mut agent, "busybox mount -t ext4 /dev/vda /etc && busybox chown -R 3:3 /etc/bob")?;
    agent.execute("guest-set-user-password", password("root", b"secret", false), soon())?;
    let keys = json!({"username": "bob", "keys": ["ssh-ed25519 AAAA one"]});
    agent.execute("guest-ssh-add-authorized-keys", keys, soon())?;
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    ensure!(guest.wait(soon())?.success());
    for (file, old) in FILES {
        ensure!(debugfs(&disk, &format!("cat /{file}"))? != old, "{file} is as it was");
        for (label, value) in LABELS {
            let kept = debugfs(&disk, &format!("ea_get /{file} {label}"))?;
            ensure!(kept.contains(value), "{file}, {label}: {kept}");
        }
    }
    Ok(())
}
