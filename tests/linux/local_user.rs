//! What a user of the guest who is not root can do to the agent: nothing.

use anyhow::{Context, Result, ensure};
use debian::linux::Extra;
use nanoqga_testkit::machine::Channel;
use tests::Booted;
use tests::booted::synchronise;

use crate::booted::boot_with;
use crate::inside::{busybox, run};

/// What the user tries: to speak in the agent's place, to end, stop or read it, and to change what it keeps.
const ATTEMPTS: [&str; 14] = [
    "busybox head -c 1 /dev/vport0p1",
    "echo lie > /dev/vport0p1",
    "busybox kill -KILL 1",
    "busybox kill -STOP 1",
    "busybox kill -TERM 1",
    "busybox renice -n 19 -p 1",
    "busybox ls /proc/1/fd",
    "busybox cat /proc/1/environ",
    "busybox head -c 1 /proc/1/mem",
    "busybox touch /run/qga.state",
    "busybox ln -s /etc/passwd /run/qga.state.new",
    "echo frozen > /run/qga.state.isfrozen",
    "echo module > /modules/99-evil.ko",
    "busybox mkdir /root/.ssh",
];

#[test]
fn a_user_can_neither_speak_for_the_agent_nor_end_read_or_change_it() -> Result<()> {
    let accounts = "root:x:0:0:root:/root:/bin/sh\nmallory:x:1000:1000::/tmp:/bin/sh\n";
    let accounts = Extra { path: "/etc/passwd", mode: 0o644, content: accounts.into() };
    let Booted { mut agent, guest: _guest } = boot_with(Channel::Virtio, &[busybox()?, accounts], |_| {})?;
    run(&mut agent, "busybox ln -s busybox /bin/sh")?;
    let mut try_to = |script: &str| run(&mut agent, &format!("busybox su mallory -c '{script}'"));
    // What fails then, fails because of the user.
    ensure!(try_to("busybox id -u")?.trim() == "1000");
    for script in ATTEMPTS {
        let done = try_to(script);
        ensure!(done.is_err(), "a user could do this: {script}: {done:?}");
        try_to("true").with_context(|| format!("after {script}"))?;
    }
    synchronise(&mut agent, 2)
}
