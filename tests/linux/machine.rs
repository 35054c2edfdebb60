//! What a guest lets a host change of its machine: the clock, processors, passwords and keys. It has no program for any of it.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use debian::linux::Extra;
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::booted::synchronise;
use tests::time::{SECOND, guest_time, has_gone_on};
use tests::{Booted, soon};

use crate::booted::{boot, boot_with};
use crate::inside::{busybox, refused, run, start};

#[test]
fn the_clock_is_set_and_the_machines_clock_with_it() -> Result<()> {
    let Booted { mut agent, guest: _guest } = boot_with(Channel::Virtio, &[busybox()?], |_| {})?;
    let chosen = 1_900_000_000 * SECOND;
    let start = Instant::now();
    agent.execute("guest-set-time", json!({"time": chosen}), soon())?;
    has_gone_on(chosen, start, guest_time(&mut agent)?)?;
    let rtc: i64 = run(&mut agent, "busybox cat /sys/class/rtc/rtc0/since_epoch")?.trim().parse()?;
    has_gone_on(chosen, start, rtc * SECOND).context("the machine's clock")?;
    // From the machine's clock, when the system's is wrong.
    run(&mut agent, "busybox date -s @1000000000")?;
    agent.execute("guest-set-time", json!({}), soon())?;
    has_gone_on(chosen, start, guest_time(&mut agent)?)
}

#[test]
fn a_processor_is_taken_offline_and_back() -> Result<()> {
    let Booted { mut agent, guest: _guest } = boot_with(Channel::Virtio, &[], |config| config.processors = 2)?;
    for online in [false, true] {
        let vcpus = json!({"vcpus": [{"logical-id": 1, "online": online}]});
        ensure!(agent.execute("guest-set-vcpus", vcpus, soon())? == 1);
        let vcpus = agent.execute("guest-get-vcpus", json!({}), soon())?;
        ensure!(vcpus[0]["online"] == true && vcpus[1]["online"] == online, "{vcpus}");
        ensure!(vcpus[1]["can-offline"] == true, "{vcpus}");
    }
    Ok(())
}

fn with_accounts() -> Result<Booted> {
    let file = |path, mode, text: &str| Extra { path, mode, content: text.into() };
    let files = [
        busybox()?,
        file("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nmallory:x:1000:1000::/nowhere:/bin/sh\n"),
        file("/etc/shadow", 0o600, "root:*:1:0:99999:7:::\nmallory:*:1:0:99999:7:::\n"),
        file("/etc/group", 0o644, "root:x:0:\n"),
        file("/etc/hostname", 0o644, "appliance-7\n"),
    ];
    boot_with(Channel::Virtio, &files, |_| {})
}

#[test]
fn a_password_is_set_without_a_program_that_sets_passwords() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_accounts()?;
    let set = |password: &str, crypted: bool| json!({"username": "root", "password": password, "crypted": crypted});
    agent.execute("guest-set-user-password", set("c2VjcmV0", false), soon())?;
    let shadow = run(&mut agent, "busybox cat /etc/shadow")?;
    let hash = shadow.strip_prefix("root:").and_then(|rest| rest.split(':').next()).unwrap_or_default();
    ensure!(hash.starts_with("$6$"), "{shadow}");
    // BusyBox has its own crypt(3).
    let salt = hash.split('$').nth(2).unwrap_or_default();
    let again = run(&mut agent, &format!("busybox mkpasswd -m sha512 -S {salt} secret"))?;
    ensure!(again.trim() == hash, "{again} for {hash}");
    ensure!(shadow.contains("\nmallory:*:1:0:99999:7:::\n"), "{shadow}");
    ensure!(run(&mut agent, "busybox stat -c %a /etc/shadow")?.trim() == "600");
    // "$6$given", as it is.
    agent.execute("guest-set-user-password", set("JDYkZ2l2ZW4=", true), soon())?;
    ensure!(run(&mut agent, "busybox cat /etc/shadow")?.starts_with("root:$6$given:"));
    let unknown = json!({"username": "nobody", "password": "", "crypted": false});
    let text = refused(&mut agent, "guest-set-user-password", &unknown)?;
    ensure!(text == "child process has failed to set user password: user 'nobody': there is no such user", "{text}");
    Ok(())
}

#[test]
fn ssh_keys_are_added_told_and_removed() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_accounts()?;
    let keys = |keys: &[&str]| json!({"username": "root", "keys": keys});
    agent.execute("guest-ssh-add-authorized-keys", keys(&["ssh-ed25519 AAAA one", "ssh-rsa BBBB two"]), soon())?;
    agent.execute("guest-ssh-add-authorized-keys", keys(&["ssh-rsa BBBB two"]), soon())?;
    agent.execute("guest-ssh-remove-authorized-keys", keys(&["ssh-ed25519 AAAA one"]), soon())?;
    let told = agent.execute("guest-ssh-get-authorized-keys", json!({"username": "root"}), soon())?;
    ensure!(told == json!({"keys": ["ssh-rsa BBBB two"]}), "{told}");
    let modes = run(&mut agent, "busybox stat -c %a /root/.ssh /root/.ssh/authorized_keys")?;
    ensure!(modes == "700\n600\n", "{modes}");
    for (user, expected) in [
        ("nobody", "failed to lookup user 'nobody': there is no such user"),
        ("mallory", "failed to read '/nowhere/.ssh/authorized_keys': No such file or directory"),
    ] {
        let text = refused(&mut agent, "guest-ssh-get-authorized-keys", &json!({"username": user}))?;
        ensure!(text == expected, "{text}");
    }
    Ok(())
}

#[test]
fn the_system_has_the_name_in_etc() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_accounts()?;
    let name = agent.execute("guest-get-host-name", json!({}), soon())?;
    ensure!(name == json!({"host-name": "appliance-7"}), "{name}");
    Ok(())
}

#[test]
fn lo_is_up_and_has_its_addresses() -> Result<()> {
    let Booted { mut agent, guest: _guest } = boot(Channel::Virtio)?;
    let interfaces = agent.execute("guest-network-get-interfaces", json!({}), soon())?;
    let addresses = &interfaces[0]["ip-addresses"];
    ensure!(interfaces[0]["name"] == "lo" && addresses[0]["ip-address"] == "127.0.0.1", "{interfaces}");
    Ok(())
}

#[test]
fn a_program_that_never_ends_keeps_nobody_waiting() -> Result<()> {
    let Booted { mut agent, guest: _guest } = boot_with(Channel::Virtio, &[busybox()?], |_| {})?;
    let pid = start(&mut agent, "while true; do echo and on; done")?;
    for id in 0..20 {
        synchronise(&mut agent, id)?;
    }
    let status = agent.execute("guest-exec-status", json!({"pid": pid}), soon())?;
    ensure!(status["exited"] == false, "{status}");
    Ok(())
}

#[test]
fn orphans_are_waited_for() -> Result<()> {
    let Booted { mut agent, guest: _guest } = boot_with(Channel::Virtio, &[busybox()?], |_| {})?;
    for _ in 0..5 {
        run(&mut agent, "(busybox sleep 0.1 &) ; (busybox sleep 0.2 &)")?;
    }
    // When they have ended, what is left of one that nobody waits for is a zombie, for good.
    let mut shown = String::new();
    let waited_for = soon().poll("the end of all orphans", || {
        let command_lines = run(&mut agent, "busybox cat /proc/[0-9]*/cmdline | busybox tr '\\0' ' '")?;
        let states = run(&mut agent, "busybox cat /proc/[0-9]*/status | busybox grep ^State: | busybox sort")?;
        ensure!(command_lines.contains("busybox cat") && states.contains("running"), "{command_lines}\n{states}");
        let over = !command_lines.contains("busybox sleep") && !states.contains("zombie");
        shown = states;
        Ok(over.then_some(()))
    });
    waited_for.context(shown)
}
