//! Guests that firmware boots from a disk, as hosts without `-kernel` have it.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::qemu::{Boot, Config, Console, Format};
use serde_json::json;
use tests::booted::config_of;
use tests::disk::Disk;
use tests::hosts::come_and_go;
use tests::images::boot_disk;
use tests::images::image;
use tests::images::{APPLIANCE, NANO, Profile};
use tests::{Booted, soon};

use crate::{appliance, conformance, idle, power, suspend, tour};

/// What boots a guest: the machine's own firmware, or what Debian has for it.
#[derive(Clone, Copy)]
enum Firmware {
    Bios,
    Uefi,
}

use Firmware::{Bios, Uefi};

impl Firmware {
    /// Its file, and the memory in KiB that it takes to boot at all.
    fn on(self, machine: &Machine) -> (Option<&'static str>, u32) {
        match (self, machine.architecture()) {
            (Bios, _) => (None, 64 << 10),
            (Uefi, "aarch64") => (Some("/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"), 128 << 10),
            (Uefi, "riscv64") => (Some("/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin"), 256 << 10),
            (Uefi, _) => (Some("/usr/share/ovmf/OVMF.fd"), 64 << 10),
        }
    }
}

/// How a guest is booted.
#[derive(Clone, Copy)]
struct Row {
    profile: &'static Profile,
    machine: &'static str,
    format: Format,
    firmware: Firmware,
}

/// Firmware takes its time, some seconds where it is emulated.
fn after_firmware() -> Deadline {
    Deadline::seconds(120)
}

impl Row {
    /// A guest from a disk with a command line of its own, once it has answered, and the folder that the disk is in.
    fn boot(self, adjust: impl FnOnce(&mut Config)) -> Result<(Booted, PrivateFolder)> {
        let machine = Machine::named(self.machine)?;
        let (mut config, folder) = self.with_disk_of(&image(machine, self.profile)?)?;
        adjust(&mut config);
        Ok((answering(&config)?, folder))
    }

    /// A guest with a disk that has an image on it.
    fn with_disk_of(self, image: &Path) -> Result<(Config, PrivateFolder)> {
        let machine = Machine::named(self.machine)?;
        let folder = PrivateFolder::new()?;
        let disk = folder.path().join("boot-disk");
        boot_disk(machine, image, "hostname=from-disk", self.format, &disk)?;
        let mut config = Config::new(machine, Channel::Virtio, &disk);
        let (firmware, memory_kib) = self.firmware.on(machine);
        config.boot = Boot::Disk(self.format, firmware);
        config.memory_kib = memory_kib;
        Ok((config, folder))
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
    let booted = come_and_go(booted, false)?;
    idle::takes_less_than_a_hundredth(booted, row.machine)
}

/// And that: a foreign client finds all as without a disk, and the guest goes off when it is told to.
fn ends(row: Row) -> Result<()> {
    let (booted, _disk) = row.boot(|config| row.profile.equip(config))?;
    let tour = if row.profile.name == APPLIANCE.name { appliance::through } else { tour::through };
    let mut guest = tour(booted, row.machine)?;
    let agent = guest.connect(soon())?;
    power::goes_off(Booted { agent, guest }, row.machine, r#"{"execute":"guest-shutdown"}"#)
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
            fn a_foreign_client_makes_the_tour_and_guest_shutdown_ends_it() -> Result<()> {
                ends(ROW)
            }
        }
    )*};
}

rows! {
    q35_bios: NANO on "q35" by Bios from Raw;
    pc_bios: APPLIANCE on "pc" by Bios from Qcow2;
    pc_uefi: NANO on "pc" by Uefi from Raw;
    q35_uefi: NANO on "q35" by Uefi from Raw;
    q35_uefi_appliance: APPLIANCE on "q35" by Uefi from Qcow2;
    aarch64_virt_pcie_uefi: NANO on "aarch64-virt-pcie" by Uefi from Qcow2;
    aarch64_virt_uefi_appliance: APPLIANCE on "aarch64-virt" by Uefi from Raw;
    riscv64_virt_uefi: NANO on "riscv64-virt" by Uefi from Raw;
    riscv64_virt_pcie_uefi_appliance: APPLIANCE on "riscv64-virt-pcie" by Uefi from Qcow2;
}

/// Without ACPI's tables, firmware names the device tree; at EL2, the image is entered there.
#[test]
fn firmware_of_aarch64_may_name_the_device_tree_or_be_a_hypervisors() -> Result<()> {
    for (machine, acpi) in [("aarch64-virt-pcie", "acpi=off"), ("aarch64-virt-el2", "acpi=on")] {
        let row = Row { profile: &NANO, machine, format: Format::Raw, firmware: Uefi };
        let (mut booted, _disk) = row.boot(|config| _ = config.argument("-machine", acpi))?;
        tour::says_these_bytes(&mut booted)?;
        power::goes_off(booted, machine, r#"{"execute":"guest-shutdown"}"#)?;
    }
    Ok(())
}

/// There is no memory where the other's image lies.
#[test]
fn an_image_that_has_no_place_is_refused_in_words() -> Result<()> {
    for (machine, other) in [("aarch64-virt", "riscv64-virt"), ("riscv64-virt", "aarch64-virt")] {
        let row = Row { profile: &NANO, machine, format: Format::Raw, firmware: Uefi };
        let (config, _disk) = row.with_disk_of(&image(Machine::named(other)?, &NANO)?)?;
        let guest = Guest::start(&config)?;
        guest.console_shows("nanoqga: the memory that the image needs is not free", after_firmware())?;
    }
    Ok(())
}

/// The file system that firmware reads begins at 1 MiB.
#[test]
fn the_partition_of_a_boot_disk_is_in_order() -> Result<()> {
    for (machine, program) in [("q35", "BOOTX64.EFI"), ("riscv64-virt", "BOOTRISCV64.EFI")] {
        let machine = Machine::named(machine)?;
        let volume = Disk::blank(0)?;
        let disk = volume.folder().join("boot-disk");
        boot_disk(machine, &image(machine, &APPLIANCE)?, "", Format::Raw, &disk)?;
        fs::write(volume.path(), &fs::read(disk)?[1 << 20..])?;
        volume.is_clean()?;
        ensure!(volume.get(&format!("EFI/BOOT/{program}"))?.starts_with(b"MZ"), "{program}");
    }
    Ok(())
}

#[test]
fn firmware_wakes_what_it_booted() -> Result<()> {
    for firmware in [Bios, Uefi] {
        let row = Row { profile: &APPLIANCE, machine: "q35", format: Format::Raw, firmware };
        let (booted, _disk) = row.boot(|_| {})?;
        suspend::sleeps_and_goes_on(booted)?;
    }
    Ok(())
}

/// Where UEFI firmware puts registers follows from the width of the CPU's addresses.
#[test]
fn registers_may_lie_as_far_as_addresses_go() -> Result<()> {
    let row = Row { profile: &APPLIANCE, machine: "q35", format: Format::Raw, firmware: Uefi };
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

/// Its devices have only the legacy interface, and its `-kernel` does not know PVH.
#[test]
fn an_old_machine_boots_from_a_disk() -> Result<()> {
    let row = Row { profile: &APPLIANCE, machine: "pc", format: Format::Raw, firmware: Bios };
    let (booted, _disk) = row.boot(|config| {
        config.argument("-machine", "pc-i440fx-2.6");
        row.profile.equip(config);
    })?;
    appliance::through(booted, row.machine).map(drop)
}

#[test]
fn the_boot_disk_is_not_the_volume() -> Result<()> {
    let row = Row { profile: &APPLIANCE, machine: "q35", format: Format::Raw, firmware: Bios };
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
    let row = Row { profile: &APPLIANCE, machine: "q35", format: Format::Raw, firmware: Bios };
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
    let row = Row { profile: &NANO, machine: "pc", format: Format::Raw, firmware: Bios };
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
