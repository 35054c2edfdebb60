//! A guest with two agents in it: ours is its first process, and qemu-ga has a serial line.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use debian::executable::Executable;
use debian::linux::Extra;
use debian::reference::QemuGa;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::qemu::Config;
use tests::booted::synchronise;
use tests::{Booted, soon};

use crate::booted::boot_with;
use crate::inside::{busybox, run, start};

const QEMU_GA: &str = "busybox mkdir /tmp/state && exec /bin/ld-linux-x86-64.so.2 --library-path /bin /bin/qemu-ga \
    --statedir=/tmp/state --fsfreeze-hook=/hook --method=isa-serial --path=/dev/ttyS1";

/// A guest with these files and BusyBox, after `adjust` has had its say, and qemu-ga's connection. Both agents run `/hook` when they
/// freeze.
pub fn boot(extras: Vec<Extra<'_>>, adjust: impl FnOnce(&mut Config)) -> Result<(Booted, Client)> {
    let qemu_ga = programs("/bin", &[QemuGa::find()?.executable().clone()])?;
    let extras: Vec<_> = extras.into_iter().chain(qemu_ga).chain([busybox()?]).collect();
    let mut booted = boot_with(Channel::Virtio, &extras, |config| {
        config.channels.push(Channel::Com2);
        config.memory_kib = 256 << 10;
        config.append += " --fsfreeze-hook=/hook";
        adjust(config);
    })?;
    start(&mut booted.agent, QEMU_GA)?;
    // What comes over a serial line that nobody has open is lost.
    let is_open = "for name in /proc/[0-9]*/fd/*; do busybox readlink $name; done; true";
    soon().poll("qemu-ga", || Ok(run(&mut booted.agent, is_open)?.contains("/dev/ttyS1").then_some(())))?;
    let mut theirs = booted.guest.connect_to(1, soon())?;
    synchronise(&mut theirs, 1)?;
    Ok((booted, theirs))
}

/// What brings programs into a folder of a guest, with their libraries and the loader that runs them.
pub fn programs(folder: &str, programs: &[Executable]) -> Result<Vec<Extra<'static>>> {
    let mut files = BTreeMap::new();
    for program in programs {
        let libraries = program.libraries()?;
        for file in libraries.iter().map(AsRef::as_ref).chain([program.program()]) {
            let name = file.file_name().context("a program has a name")?.to_string_lossy();
            files.insert(format!("{folder}/{name}"), fs::read(file)?);
        }
    }
    // They are read until the test ends.
    Ok(files.into_iter().map(|(path, content)| Extra { path: path.leak(), mode: 0o755, content }).collect())
}
