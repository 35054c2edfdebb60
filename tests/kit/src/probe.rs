//! Which accelerator works here.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::accelerator::Accelerator;
use crate::deadline::Deadline;
use crate::folder::PrivateFolder;
use crate::machine::Machine;
use crate::qemu;
use crate::supervisor::Supervised;

/// The environment variable that chooses one: `tcg`, `kvm`, `hvf`, or `auto`.
pub const VARIABLE: &str = "NANOQGA_ACCEL";

/// How long a probe may take: a guest that runs a thousand instructions, and ends.
const PROBE: Duration = Duration::from_secs(5);

/// What [`VARIABLE`] chooses; emulation where it is not set. `machine` is for `auto`.
///
/// # Errors
/// When it holds something else.
pub fn chosen(machine: &Machine) -> Result<Accelerator> {
    Ok(wanted(machine)?.unwrap_or_default())
}

/// The same, but the best that works where it is not set.
///
/// # Errors
/// When it holds something else.
pub fn chosen_or_best(machine: &Machine) -> Result<Accelerator> {
    Ok(wanted(machine)?.unwrap_or_else(|| best(machine)))
}

fn wanted(machine: &Machine) -> Result<Option<Accelerator>> {
    let Some(value) = env::var_os(VARIABLE) else { return Ok(None) };
    match value.to_str() {
        Some("auto") => Ok(Some(best(machine))),
        name => match name.and_then(Accelerator::named) {
            Some(accelerator) => Ok(Some(accelerator)),
            None => bail!("{VARIABLE} is {}: it should be tcg, kvm, hvf or auto", value.display()),
        },
    }
}

/// The fastest that a machine's guests run with here. That there is a hypervisor does not say that it works, so a small guest is
/// run with it and with emulation, one after the other.
pub fn best(machine: &Machine) -> Accelerator {
    let hypervisor = if cfg!(target_os = "macos") { Accelerator::Hvf } else { Accelerator::Kvm };
    let there = hypervisor == Accelerator::Hvf || Path::new("/dev/kvm").exists();
    if machine.architecture() != env::consts::ARCH || !there {
        return Accelerator::Tcg;
    }
    let time = |accelerator| probe(machine, accelerator).ok();
    match (time(hypervisor), time(Accelerator::Tcg)) {
        (Some(hardware), Some(emulated)) if hardware <= emulated => hypervisor,
        _ => Accelerator::Tcg,
    }
}

/// How long QEMU takes from its start to the end of a guest that calls its hypervisor a thousand times and switches itself off.
fn probe(machine: &Machine, accelerator: Accelerator) -> Result<Duration> {
    let program = qemu::program(machine.qemu)?;
    let folder = PrivateFolder::new()?;
    let cpu = if accelerator == Accelerator::Tcg { "max" } else { "host" };
    let (guest, arguments): (Vec<u8>, &[&str]) = match machine.architecture() {
        "x86_64" => (x86_64_firmware(), &["-machine", "pc", "-bios", "guest", "-device", "isa-debug-exit,iosize=1"]),
        "aarch64" => (aarch64_kernel(), &["-machine", "virt", "-kernel", "guest"]),
        other => bail!("there is no guest for {other}"),
    };
    fs::write(folder.path().join("guest"), guest)?;
    let start = Instant::now();
    let mut qemu = Supervised::start(&program, |command| {
        command.args(["-no-user-config", "-nodefaults", "-display", "none", "-accel", accelerator.name(), "-cpu", cpu]);
        command.args(arguments).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    })?;
    let status = Deadline::after(PROBE).poll("the end of a probe", || Ok(qemu.try_wait()?))?;
    let expected = if machine.architecture() == "x86_64" { DEBUG_EXIT } else { 0 };
    if status.code() != Some(expected) {
        bail!("the probe of {accelerator} ended with {status}");
    }
    Ok(start.elapsed())
}

/// The status that QEMU ends with when a guest writes 0 to its port for that.
const DEBUG_EXIT: i32 = 1;

/// 64 KiB, at whose end a processor begins.
fn x86_64_firmware() -> Vec<u8> {
    const AT_RESET: usize = 0xfff0;
    const CODE: [u8; 14] = [
        0xb9, 0xe8, 0x03, // mov cx, 1000
        0xe6, 0x80, // again: out 0x80, al
        0xe2, 0xfc, // loop again
        0xb0, 0x00, // mov al, 0
        0xba, 0x01, 0x05, // mov dx, 0x501
        0xee, // out dx, al
        0xf4, // hlt
    ];
    let mut firmware = vec![0xf4; 0x1_0000];
    firmware[AT_RESET..AT_RESET + CODE.len()].copy_from_slice(&CODE);
    firmware
}

fn aarch64_kernel() -> Vec<u8> {
    let code: [u32; 9] = [
        0x5280_7d13, // mov w19, #1000
        0x52b0_8000, // again: mov w0, #0x84000000, PSCI_VERSION
        0xd400_0002, // hvc #0
        0x7100_0673, // subs w19, w19, #1
        0x54ff_ffa1, // b.ne again
        0x52b0_8000, // mov w0, #0x84000000
        0x7280_0100, // movk w0, #8, SYSTEM_OFF
        0xd400_0002, // hvc #0
        0x1400_0000, // b .
    ];
    code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probes_guests_run_and_end() {
        for machine in ["q35", "aarch64-virt"] {
            let machine = Machine::named(machine).unwrap();
            if qemu::program(machine.qemu).is_ok() {
                probe(machine, Accelerator::Tcg).unwrap();
            }
        }
    }

    #[test]
    fn what_cannot_run_is_not_chosen() {
        let foreign = if env::consts::ARCH == "aarch64" { "q35" } else { "aarch64-virt" };
        assert_eq!(best(Machine::named(foreign).unwrap()), Accelerator::Tcg);
    }
}
