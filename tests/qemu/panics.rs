//! What is left of a guest that panicked, or met an exception.

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::qemu::Config;
use serde_json::json;
use tests::images::CRASH;
use tests::{Booted, image, soon};

#[test]
fn an_nmi_is_printed_and_ends_qemu_with_an_odd_status() -> Result<()> {
    for machine in ["q35", "pc"] {
        let Booted { agent: _agent, mut guest } = Booted::with(machine, Channel::Virtio, |config| {
            config.debug_exit = true;
            // Where the agent's port is found late, it would take the log's serial port.
            config.append = "agent=virtio debug-exit=0xf4".into();
        })?;
        // One that comes while the console's port is set up, after the first reply, has nowhere to be printed.
        guest.console_shows("ready: ", soon())?;
        let mut qmp = guest.qmp(soon())?;
        // QEMU may be gone before it can answer. If it was not asked at all, it does not go.
        let _ = qmp.execute("inject-nmi", json!({}), soon());
        let status = guest.wait(soon())?;
        // The device at 0xf4 makes status 2n + 1 of what is written to it.
        ensure!(status.code().is_some_and(|code| code % 2 == 1), "{machine}: QEMU ended with {status}");
        guest.console_shows("NMI at 0x", soon())?;
    }
    Ok(())
}

/// OpenSBI may start a hart where the image begins, not where it was to be parked: one in 500 boots of four harts.
#[test]
fn a_hart_that_begins_where_another_began_does_no_harm() -> Result<()> {
    let machine = Machine::named("riscv64-virt")?;
    let mut config = Config::new(machine, Channel::Virtio, &image(machine, &CRASH)?);
    config.argument("-smp", "4");
    let mut guest = Guest::start(&config)?;
    let status = guest.wait(soon())?;
    let console = guest.console();
    let (_, others) = console.split_once("harts that began here, too: ").context("it has started the others")?;
    ensure!(
        !status.success() && !others.starts_with('0') && others.contains("this guest was to die"),
        "{status}, {console}"
    );
    Ok(())
}

/// On aarch64 nothing that a guest can do ends QEMU with a failure: there it is switched off.
#[test]
fn a_panic_an_exception_and_a_stack_overflow_end_the_guest() -> Result<()> {
    for (name, fails) in [("q35", true), ("riscv64-virt", true), ("aarch64-virt", false)] {
        let machine = Machine::named(name)?;
        let image = image(machine, &CRASH)?;
        let panic = ["panicked at", "this guest was to die"];
        let exception = [if name == "q35" { "page fault" } else { "exception" }, ", address 0x"];
        for (way, says) in [("panic", panic), ("fault", exception), ("overflow", exception)] {
            let mut config = Config::new(machine, Channel::Virtio, &image);
            config.append = format!("hostname={way}");
            if machine.architecture() == "x86_64" {
                config.debug_exit = true;
                config.append.push_str(" debug-exit=0xf4");
            }
            let mut guest = Guest::start(&config)?;
            let status = guest.wait(soon())?;
            ensure!(status.success() != fails, "{name}, {way}: QEMU ended with {status}{}", guest.tails());
            let console = guest.console();
            // Before it, what was logged until then.
            let says = [&["KiB of memory"], &says[..]].concat();
            ensure!(says.iter().all(|text| console.contains(text)), "{name}, {way}: {console}");
        }
    }
    Ok(())
}
