//! Guests that firmware boots from a disk, as hosts without `-kernel` have it.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::booted::{config_of, image};
use tests::disk::Disk;
use tests::{Booted, soon};
use xtask::boot_disk::{self, Format};
use xtask::deadline::Deadline;
use xtask::guest::{Guest, PrivateFolder};
use xtask::image::{APPLIANCE, NANO, Profile};
use xtask::machine::{Channel, Machine};
use xtask::qemu::{Boot, Config, Console};

use crate::{conformance, hosts, idle, power, suspend, tour};

/// Debian's UEFI firmware; where there is none, the machine's own BIOS.
const UEFI: Option<&str> = Some("/usr/share/ovmf/OVMF.fd");
const BIOS: Option<&str> = None;
/// UEFI firmware has no less, by far.
const MEMORY_KIB: u32 = 64 << 10;

/// How a guest is booted.
#[derive(Clone, Copy)]
struct Row {
    profile: &'static Profile,
    machine: &'static str,
    format: Format,
    firmware: Option<&'static str>,
}

/// Firmware takes its time, some seconds where it is emulated.
fn after_firmware() -> Deadline {
    Deadline::seconds(120)
}

impl Row {
    /// A guest from a disk with a command line of its own, once it has answered, and the folder that the disk is in.
    fn boot(self, adjust: impl FnOnce(&mut Config)) -> Result<(Booted, PrivateFolder)> {
        let machine = Machine::named(self.machine)?;
        let folder = PrivateFolder::new()?;
        let disk = folder.path().join("boot-disk");
        boot_disk::make(&image(machine, self.profile)?, "hostname=from-disk", self.format, &disk)?;
        let mut config = Config::new(machine, Channel::Virtio, &disk);
        config.boot = Boot::Disk(self.format, self.firmware);
        config.memory_kib = MEMORY_KIB;
        adjust(&mut config);
        Ok((answering(&config)?, folder))
    }
}

fn answering(config: &Config) -> Result<Booted> {
    let mut guest = Guest::start(config)?;
    let mut agent = guest.connect(soon())?;
    let answer = agent.execute("guest-sync", json!({"id": 1}), after_firmware())?;
    ensure!(answer == 1, "guest-sync 1 was answered by {answer}");
    Ok(Booted { agent, guest })
}

/// What every row must do: the command line arrives, a reboot boots from the disk again, all is said as without a disk, hosts
/// come and go, and an idle guest sleeps.
fn boots(row: Row) -> Result<()> {
    let (mut booted, _disk) = row.boot(|config| config.reboots = true)?;
    let name = [(r#"{"execute":"guest-get-host-name"}"#, r#"{"return": {"host-name":"from-disk"}}"#)];
    booted.transcript(&name)?;
    power::comes_again(&mut booted, Channel::Virtio, after_firmware())?;
    booted.transcript(&name)?;
    tour::says_these_bytes(&mut booted)?;
    conformance::holds(&mut booted)?;
    let booted = hosts::come_and_go(booted, Channel::Virtio)?;
    idle::takes_less_than_a_hundredth(booted, row.machine)
}

fn ends(row: Row) -> Result<()> {
    let (booted, _disk) = row.boot(|_| {})?;
    power::goes_off(booted, row.machine, r#"{"execute":"guest-shutdown"}"#)
}

macro_rules! rows {
    ($($row:ident: $profile:ident on $machine:literal by $firmware:ident from $format:ident;)*) => {$(
        mod $row {
            use super::*;

            const ROW: Row =
                Row { profile: &$profile, machine: $machine, format: Format::$format, firmware: $firmware };

            #[test]
            fn boots_and_boots_again_and_sleeps() -> Result<()> {
                boots(ROW)
            }

            #[test]
            fn guest_shutdown() -> Result<()> {
                ends(ROW)
            }
        }
    )*};
}

rows! {
    q35_bios: NANO on "q35" by BIOS from Raw;
    pc_bios: APPLIANCE on "pc" by BIOS from Qcow2;
    pc_uefi: NANO on "pc" by UEFI from Raw;
    q35_uefi: NANO on "q35" by UEFI from Raw;
    q35_uefi_appliance: APPLIANCE on "q35" by UEFI from Qcow2;
}

#[test]
fn a_foreign_client_makes_the_tour() -> Result<()> {
    let row = Row { profile: &NANO, machine: "q35", format: Format::Raw, firmware: UEFI };
    tour::through(row.boot(|_| {})?.0, "q35")
}

#[test]
fn firmware_wakes_what_it_booted() -> Result<()> {
    for firmware in [BIOS, UEFI] {
        let row = Row { profile: &APPLIANCE, machine: "q35", format: Format::Raw, firmware };
        let (booted, _disk) = row.boot(|_| {})?;
        suspend::sleeps_and_goes_on(booted)?;
    }
    Ok(())
}

/// Where UEFI firmware puts registers follows from the width of the CPU's addresses.
#[test]
fn registers_may_lie_as_far_as_addresses_go() -> Result<()> {
    let row = Row { profile: &APPLIANCE, machine: "q35", format: Format::Raw, firmware: UEFI };
    for bits in [39, 46] {
        let adjust = |config: &mut Config| {
            config.argument("-cpu", format!("max,phys-bits={bits}")).user_network();
        };
        let (mut booted, _disk) = row.boot(adjust)?;
        soon().poll("an address by DHCP", || {
            let told = booted.agent.execute("guest-network-get-interfaces", json!({}), soon())?;
            Ok(told.to_string().contains("10.0.2.15").then_some(()))
        })?;
    }
    Ok(())
}

#[test]
fn the_boot_disk_is_not_the_volume() -> Result<()> {
    let row = Row { profile: &APPLIANCE, machine: "q35", format: Format::Raw, firmware: BIOS };
    let data = Disk::fat(16, 16 << 10)?;
    data.put("greeting", b"hello")?;
    let (mut booted, _disk) = row.boot(|config| data.attach(config, "", ""))?;
    let open = |path: &str| json!({"path": path, "mode": "r"});
    booted.agent.execute("guest-file-open", open("/greeting"), soon())?;
    let foreign = booted.agent.execute("guest-file-open", open("/EFI/BOOT/BOOTX64.EFI"), soon());
    ensure!(foreign.is_err(), "what firmware boots from was opened");
    Ok(())
}

#[test]
fn without_another_disk_the_volume_is_in_memory() -> Result<()> {
    let row = Row { profile: &APPLIANCE, machine: "q35", format: Format::Raw, firmware: BIOS };
    let (mut booted, _disk) = row.boot(|_| {})?;
    let told = booted.agent.execute("guest-get-fsinfo", json!({}), soon())?;
    ensure!(told[0]["disk"] == json!([]), "{told}");
    Ok(())
}

/// The agent's port as Proxmox gives it with `agent: type=isa`: the only serial port, and no other channel.
fn isa_serial(config: &mut Config) {
    config.channels.clear();
    config.console = Console::Absent;
    config.argument("-chardev", "socket,id=isa,path=agent0.sock,server=on,wait=off");
    config.argument("-device", "isa-serial,chardev=isa");
}

#[test]
fn an_isa_serial_port_is_the_channel_of_a_guest_from_disk() -> Result<()> {
    let row = Row { profile: &NANO, machine: "pc", format: Format::Raw, firmware: BIOS };
    tour::says_these_bytes(&mut row.boot(isa_serial)?.0)
}

#[test]
fn an_isa_serial_port_is_the_channel_of_a_guest_without_a_disk() -> Result<()> {
    let mut config = config_of(&NANO, "q35", Channel::Virtio)?;
    isa_serial(&mut config);
    tour::says_these_bytes(&mut answering(&config)?)
}

#[test]
fn a_microvm_needs_neither_of_a_pcs_old_controllers() -> Result<()> {
    for without in ["pic=off", "pit=off", "pic=off,pit=off"] {
        let mut config = config_of(&NANO, "microvm", Channel::Virtio)?;
        config.argument("-machine", without);
        let mut booted = answering(&config)?;
        tour::says_these_bytes(&mut booted)?;
        idle::takes_less_than_a_hundredth(booted, without)?;
    }
    Ok(())
}
