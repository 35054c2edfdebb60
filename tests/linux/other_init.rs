//! The agent beside an init that is not its own, which it asks to take the guest down: BusyBox's.

use anyhow::{Result, ensure};
use debian::linux::Extra;
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::qemu::Config;
use serde_json::json;
use tests::booted::synchronise;
use tests::{Booted, soon};

use crate::booted::boot_with;
use crate::inside::{busybox, run};

/// The lines of an inittab around the one for the agent.
const FIRST: &str = "::sysinit:/bin/busybox sh /etc/rc\n::respawn:";
const LAST: &str = "\n::shutdown:/bin/busybox echo down in order\n";

const RC: &str = "\
busybox mkdir -p /proc /sys /dev /run /var
busybox mount -t proc none /proc
busybox mount -t sysfs none /sys
busybox mount -t devtmpfs none /dev
busybox mount -t tmpfs none /run
busybox ln -s /run /var/run
for module in /modules/*; do busybox insmod $module; done
";

/// Says on the console what it was asked for, and does it. With a file /tmp/refuse it fails.
const SYSTEMCTL: &str = "#!/bin/busybox sh\necho asked for $* > /dev/console\n\
    if busybox test -e /tmp/refuse; then echo inhibited >&2; exit 1; fi\nbusybox $1\n";

fn boot(adjust: impl FnOnce(&mut Config)) -> Result<Booted> {
    boot_agent("/init", adjust)
}

/// Boots a guest whose init starts the agent with this command line, again when it has ended.
pub fn boot_agent(line: &str, adjust: impl FnOnce(&mut Config)) -> Result<Booted> {
    let inittab = [FIRST, line, LAST].concat();
    let file = |path, text: &str| Extra { path, mode: 0o644, content: text.into() };
    let init = Extra { path: "/bin/init", ..busybox()? };
    let systemctl = Extra { path: "/bin/systemctl", mode: 0o755, content: SYSTEMCTL.into() };
    let files = [busybox()?, init, systemctl, file("/etc/inittab", &inittab), file("/etc/rc", RC)];
    boot_with(Channel::Virtio, &files, |config| {
        config.append.insert_str(0, "rdinit=/bin/init ");
        adjust(config);
    })
}

#[test]
fn powerdown_and_reboot_go_through_it() -> Result<()> {
    let Booted { mut agent, mut guest } = boot(|config| config.reboots = true)?;
    let mut qmp = guest.qmp(soon())?;
    agent.send(br#"{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#, soon())?;
    let event = qmp.event("RESET", soon())?;
    ensure!(event == json!({"guest": true, "reason": "guest-reset"}), "QEMU's RESET was {event}");
    guest.console_shows("down in order", soon())?;
    synchronise(&mut agent, 2)?;
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    qmp.event("SHUTDOWN", soon())?;
    ensure!(guest.wait(soon())?.success());
    ensure!(guest.console().matches("down in order").count() == 2, "{}", guest.tails());
    Ok(())
}

#[test]
fn halt_goes_through_it() -> Result<()> {
    let Booted { mut agent, guest } = boot(|_| {})?;
    agent.send(br#"{"execute":"guest-shutdown","arguments":{"mode":"halt"}}"#, soon())?;
    guest.console_shows("reboot: System halted", soon())?;
    guest.console_shows("down in order", soon())
}

#[test]
fn where_systemd_runs_its_logind_is_asked() -> Result<()> {
    let Booted { mut agent, mut guest } = boot(|_| {})?;
    run(&mut agent, "busybox mkdir -p /run/systemd/system")?;
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    guest.console_shows("asked for poweroff", soon())?;
    ensure!(guest.wait(soon())?.success());
    guest.console_shows("down in order", soon())
}

#[test]
fn where_logind_cannot_be_asked_systemd_is() -> Result<()> {
    let Booted { mut agent, guest } = boot_agent("/init -v", |_| {})?;
    run(&mut agent, "busybox mkdir -p /run/systemd/system /tmp && echo > /tmp/refuse")?;
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    guest.console_shows("systemctl poweroff has failed: inhibited", soon())?;
    // BusyBox knows no real-time signals, so the guest stays: it was asked by one.
    synchronise(&mut agent, 2)
}
