//! How a host configures the appliance without a command line of its own: one image, and for each guest another source.

use std::fs;
use std::thread;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel::{Com1, Virtio};
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::qemu::{Boot, Config, Format};
use serde_json::{Value, json};
use tests::booted::{config_of, transcript};
use tests::disk::Disk;
use tests::images::{APPLIANCE, boot_disk, image};
use tests::{Booted, soon};

/// What OpenStack's nova has in `meta_data.json`, in part.
const META_DATA: &str =
    r#"{"uuid": "d8e02d56", "hostname": "g4.novalocal", "meta": {"nanoqga": "nameserver=192.0.2.54"}}"#;

/// How a guest is told what it is.
#[derive(Clone, Copy, Debug)]
enum Source {
    CommandLine,
    FwCfg,
    Smbios,
    ConfigDrive,
    NoCloudInFat,
    NoCloudInIso,
}

use Source::{CommandLine, ConfigDrive, FwCfg, NoCloudInFat, NoCloudInIso, Smbios};

impl Source {
    /// Its name in `nanoqga-config`.
    fn name(self) -> &'static str {
        match self {
            CommandLine => "command line",
            FwCfg => "fw_cfg",
            Smbios => "SMBIOS",
            ConfigDrive => "config drive",
            NoCloudInFat | NoCloudInIso => "NoCloud",
        }
    }

    /// Tells the guest that it is `g` and a number, and that this number is the last part of its address. Returns the drive, for
    /// as long as the guest runs.
    fn tell(self, config: &mut Config, number: u8) -> Result<Option<Disk>> {
        let words = format!(
            "hostname=g{number} ip=eth0,192.0.2.{number}/24,192.0.2.1 route=eth0,10.0.0.0/8,192.0.2.254 mtu=eth0,1400"
        );
        let drive = match self {
            CommandLine => {
                config.append = words;
                return Ok(None);
            }
            FwCfg => {
                config.argument("-fw_cfg", format!("name=opt/nanoqga/config,string={}", words.replace(',', ",,")));
                return Ok(None);
            }
            Smbios => {
                let values = words.split(' ').map(|word| format!(",value=nanoqga:{}", word.replace(',', ",,")));
                config.argument("-smbios", format!("type=11,value=of another{}", values.collect::<String>()));
                return Ok(None);
            }
            ConfigDrive => {
                let network = json!({
                    "links": [{"id": "tap1", "type": "ovs", "mtu": 1400, "ethernet_mac_address": "52:54:00:12:34:56"}],
                    "networks": [{
                        "id": "network0", "type": "ipv4", "link": "tap1", "ip_address": format!("192.0.2.{number}"),
                        "netmask": "255.255.255.0", "routes": [
                            {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.1"},
                            {"network": "10.0.0.0", "netmask": "255.0.0.0", "gateway": "192.0.2.254"},
                        ],
                    }],
                    "services": [{"type": "dns", "address": "192.0.2.53"}],
                });
                let meta = META_DATA.replace("g4", &format!("g{number}"));
                let files = [
                    ("openstack/latest/meta_data.json", meta),
                    ("openstack/latest/network_data.json", network.to_string()),
                ];
                iso("config-2", &["-J", "-r", "-ldots", "-allow-lowercase", "-allow-multidot", "-l"], &files)?
            }
            NoCloudInFat => {
                let network = format!(
                    "network:\n  version: 2\n  ethernets:\n    eth0:\n      mtu: 1400\n      addresses: [192.0.2.{number}/24]\n      \
                     routes:\n        - to: default\n          via: 192.0.2.1\n        - to: 10.0.0.0/8\n          via: 192.0.2.254\n"
                );
                let drive = Disk::fat(12, 1 << 10)?;
                drive.run("mlabel", &["-i", "@", "::CIDATA"])?;
                drive.put("meta-data", format!("instance-id: i-1\nlocal-hostname: g{number}\n").as_bytes())?;
                drive.put("network-config", network.as_bytes())?;
                drive
            }
            NoCloudInIso => {
                let network = format!(
                    "version: 1\nconfig:\n    - type: physical\n      name: eth0\n      mac_address: '52:54:00:12:34:56'\n      \
                     mtu: 1400\n      subnets:\n      - type: static\n        address: '192.0.2.{number}'\n        \
                     netmask: '255.255.255.0'\n        gateway: '192.0.2.1'\n        routes:\n          - network: 10.0.0.0\n            \
                     netmask: 255.0.0.0\n            gateway: 192.0.2.254\n    - type: nameserver\n      address:\n      - '192.0.2.53'\n"
                );
                let user = format!("#cloud-config\nhostname: g{number}\nmanage_etc_hosts: true\n");
                let files =
                    [("meta-data", "instance-id: 0d6f\n".into()), ("user-data", user), ("network-config", network)];
                iso("cidata", &["-iso-level", "3", "-R"], &files)?
            }
        };
        drive.attach(config, ",readonly=on", "");
        Ok(Some(drive))
    }
}

/// A drive in ISO 9660 with these files, as genisoimage makes it.
pub fn iso(label: &str, options: &[&str], files: &[(&str, String)]) -> Result<Disk> {
    let disk = Disk::blank(0)?;
    let folder = disk.folder().join("files");
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().context("a file in a folder")?)?;
        fs::write(path, content)?;
    }
    let folder = folder.to_string_lossy();
    let arguments = [&["-quiet", "-o", "@", "-V", label], options, &[&*folder]].concat();
    disk.run("genisoimage", &arguments)?;
    Ok(disk)
}

fn ask(agent: &mut Client, command: &str) -> Result<Value> {
    agent.execute(command, json!({}), soon())
}

/// Boots a guest that is told who it is, and asks it.
fn is_told(config: Config, source: Source, number: u8) -> Result<()> {
    let mut config = config;
    config.argument("-netdev", "hubport,id=net,hubid=1").virtio("net", "netdev=net");
    let _drive = source.tell(&mut config, number)?;
    let mut guest = Guest::start(&config)?;
    let mut agent = guest.connect(soon())?;
    // Firmware takes its time, some seconds where it is emulated.
    agent.execute("guest-sync", json!({"id": 1}), Deadline::seconds(120))?;
    let name = ask(&mut agent, "guest-get-host-name")?;
    ensure!(name == json!({"host-name": format!("g{number}")}), "{name}");
    let interfaces = ask(&mut agent, "guest-network-get-interfaces")?;
    let address = &interfaces[0]["ip-addresses"][0];
    ensure!(address["ip-address"] == format!("192.0.2.{number}") && address["prefix"] == 24, "{interfaces}");
    let routes = ask(&mut agent, "guest-network-get-route")?;
    for (destination, gateway) in [("0.0.0.0", "192.0.2.1"), ("10.0.0.0", "192.0.2.254")] {
        let is_it = |route: &Value| route["destination"] == destination && route["gateway"] == gateway;
        ensure!(
            routes.as_array().is_some_and(|routes| routes.iter().any(is_it)),
            "no route to {destination}: {routes}"
        );
    }
    let settings = ask(&mut agent, "nanoqga-config")?;
    let settings = settings.as_array().context("a list of settings")?;
    ensure!(settings.iter().all(|setting| setting["source"] == source.name()), "{settings:?}");
    let name = json!({"setting": "hostname", "value": format!("g{number}"), "source": source.name()});
    ensure!(settings.contains(&name), "{settings:?}");
    let mtu = settings.iter().find(|setting| setting["setting"] == "mtu").context("an MTU")?;
    ensure!(mtu["value"].as_str().is_some_and(|value| value.ends_with(",1400")), "{settings:?}");
    Ok(())
}

/// Boots a guest for each source, all at once.
fn all_are_told(machine: &str, sources: &[Source]) -> Result<()> {
    are_told(&|_| config_of(&APPLIANCE, machine, Virtio), sources)
}

/// The same from copies of one boot disk, whose command line says nothing.
fn all_are_told_from_a_disk(name: &str, firmware: Option<&'static str>, mib: u32, sources: &[Source]) -> Result<()> {
    let machine = Machine::named(name)?;
    let folder = PrivateFolder::new()?;
    let disk = folder.path().join("boot-disk");
    boot_disk(machine, &image(machine, &APPLIANCE)?, "", Format::Raw, &disk)?;
    let config = |number| {
        let copy = disk.with_extension(format!("{number}"));
        fs::copy(&disk, &copy)?;
        let mut config = Config::new(machine, Virtio, &copy);
        config.boot = Boot::Disk(Format::Raw, firmware);
        config.memory_kib = mib << 10;
        Ok(config)
    };
    are_told(&config, sources)
}

fn are_told(config: &(dyn Fn(u8) -> Result<Config> + Sync), sources: &[Source]) -> Result<()> {
    thread::scope(|scope| {
        let guests = sources
            .iter()
            .zip(2..)
            .map(|(&source, number)| (source, scope.spawn(move || is_told(config(number)?, source, number))));
        for (source, guest) in guests.collect::<Vec<_>>() {
            let told = guest.join().map_err(|_| anyhow::anyhow!("the test panicked"))?;
            told.with_context(|| format!("{source:?}"))?;
        }
        Ok(())
    })
}

#[test]
fn one_boot_disk_is_several_guests_by_bios() -> Result<()> {
    all_are_told_from_a_disk("q35", None, 64, &[FwCfg, Smbios, ConfigDrive, NoCloudInFat, NoCloudInIso])
}

#[test]
fn one_boot_disk_is_several_guests_by_uefi() -> Result<()> {
    const AARCH64: &str = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd";
    all_are_told_from_a_disk("aarch64-virt-pcie", Some(AARCH64), 128, &[FwCfg, Smbios, NoCloudInIso])?;
    const RISCV64: &str = "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin";
    all_are_told_from_a_disk("riscv64-virt-pcie", Some(RISCV64), 256, &[NoCloudInFat])
}

#[test]
fn one_image_is_several_guests_on_q35() -> Result<()> {
    all_are_told("q35", &[CommandLine, FwCfg, Smbios, ConfigDrive, NoCloudInFat, NoCloudInIso])
}

#[test]
fn one_image_is_several_guests_on_pc() -> Result<()> {
    all_are_told("pc", &[CommandLine, FwCfg, Smbios, ConfigDrive, NoCloudInFat, NoCloudInIso])
}

#[test]
fn one_image_is_several_guests_on_aarch64() -> Result<()> {
    all_are_told("aarch64-virt-pcie", &[CommandLine, FwCfg, Smbios, ConfigDrive, NoCloudInFat, NoCloudInIso])
}

/// QEMU 7.2 hands over no SMBIOS tables on these two, nor a file on riscv64.
#[test]
fn one_image_is_several_guests_on_riscv64_and_microvm() -> Result<()> {
    all_are_told("riscv64-virt", &[CommandLine, ConfigDrive, NoCloudInFat, NoCloudInIso])?;
    all_are_told("microvm", &[FwCfg, NoCloudInIso])
}

#[test]
fn what_an_earlier_source_says_counts_and_later_ones_add_to_it() -> Result<()> {
    let mut config = config_of(&APPLIANCE, "q35", Virtio)?;
    config.argument("-netdev", "hubport,id=net,hubid=1").virtio("net", "netdev=net");
    config.append = "hostname=first ip=eth0,192.0.2.99/24 nonsense".into();
    config.argument(
        "-fw_cfg",
        "name=opt/nanoqga/config,string=hostname=second block=guest-exec,,no-such-command more-nonsense",
    );
    let drive = NoCloudInIso.tell(&mut config, 7)?;
    let Booted { mut agent, guest } = Booted::start(&config)?;
    transcript(
        &mut agent,
        &[
            (r#"{"execute":"guest-get-host-name"}"#, r#"{"return": {"host-name":"first"}}"#),
            (
                r#"{"execute":"guest-exec","arguments":{"path":"x"}}"#,
                r#"{"error": {"class": "CommandNotFound", "desc": "Command guest-exec has been disabled: the command is not allowed"}}"#,
            ),
        ],
    )?;
    let interfaces = ask(&mut agent, "guest-network-get-interfaces")?;
    let first = &interfaces[0]["ip-addresses"];
    ensure!(first[0]["ip-address"] == "192.0.2.99", "{interfaces}");
    let settings = ask(&mut agent, "nanoqga-config")?.to_string();
    for (value, source) in [("eth0,192.0.2.99/24", "command line"), ("guest-exec,no-such-command", "fw_cfg")] {
        ensure!(settings.contains(value) && settings.contains(source), "{settings}");
    }
    ensure!(settings.contains("192.0.2.53"), "{settings}");
    for line in [
        "unknown option nonsense",
        "more-nonsense of the fw_cfg is not used: it is not understood",
        "hostname=second of the fw_cfg is not used: another source that counts more has it",
        "block: there is no command no-such-command",
        "user-data, line 3: manage_etc_hosts is not used",
        "hostname=g7 of the NoCloud is not used",
    ] {
        guest.console_shows(line, soon())?;
    }
    drop(drive);
    Ok(())
}

#[test]
fn the_agents_channel_and_its_commands_are_set_by_fw_cfg() -> Result<()> {
    let mut config = config_of(&APPLIANCE, "q35", Com1)?;
    let list = "agent=com1 allow=guest-ping,,guest-sync,,guest-sync-delimited,,guest-info";
    config.argument("-fw_cfg", format!("name=opt/nanoqga/config,string={list}"));
    let Booted { mut agent, guest: _guest } = Booted::start(&config)?;
    let info = ask(&mut agent, "guest-info")?;
    let enabled = |command: &&Value| command["enabled"] == true;
    let commands = info["supported_commands"].as_array().context("a list of commands")?;
    ensure!(commands.iter().filter(enabled).count() == 4 && commands.len() > 40, "{info}");
    Ok(())
}

#[test]
fn a_list_of_commands_on_a_drive_counts_when_the_drive_was_read() -> Result<()> {
    let mut config = config_of(&APPLIANCE, "q35", Virtio)?;
    let meta = META_DATA.replace("nameserver=192.0.2.54", "block=guest-get-time");
    let drive = iso("config-2", &["-J"], &[("openstack/latest/meta_data.json", meta)])?;
    drive.attach(&mut config, ",readonly=on", "");
    let Booted { mut agent, guest: _guest } = Booted::start(&config)?;
    ask(&mut agent, "nanoqga-config")?;
    let refused = ask(&mut agent, "guest-get-time").err().context("the command is blocked")?;
    ensure!(format!("{refused:#}").contains("has been disabled"), "{refused:#}");
    Ok(())
}

/// What is wrong with a drive is said, and the guest answers all the same.
#[test]
fn drives_that_cannot_be_used_are_named() -> Result<()> {
    let garbage = Disk::fat(12, 1 << 10)?;
    garbage.run("mlabel", &["-i", "@", "::CIDATA"])?;
    garbage.put("meta-data", b"local-hostname: a\n\tb")?;
    garbage.put("user-data", b"#!/bin/sh\n")?;
    garbage.put("network-config", &[0xff; 3000])?;

    let spoiled = Disk::fat(12, 1 << 10)?;
    spoiled.run("mlabel", &["-i", "@", "::CIDATA"])?;
    spoiled.put("meta-data", b"local-hostname: a\n")?;
    // The table of clusters, both copies, whose entries lead beyond the disk.
    spoiled.patch(512, &[0x55; 6 * 512])?;

    let mut files: Vec<_> = (0..10_000).map(|number| (format!("file-{number}"), String::new())).collect();
    files.push(("meta-data".into(), "local-hostname: of-many\n".into()));
    let files: Vec<_> = files.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
    let many = iso("cidata", &["-R"], &files)?;

    let large = Disk::fat(32, 1100 << 10)?;
    large.run("mlabel", &["-i", "@", "::CIDATA"])?;
    let content = large.folder().join("large");
    fs::File::create(&content)?.set_len((1 << 30) - 1)?;
    large.run("mcopy", &["-i", "@", &content.to_string_lossy(), "::meta-data"])?;
    fs::remove_file(content)?;

    let circle = iso("cidata", &["-R"], &[("folder/meta-data", "local-hostname: in-a-circle\n".into())])?;
    root_is_its_own_child(&circle)?;

    for (drive, name, line) in [
        (&garbage, "nanoqga", "meta-data is not taken: line 2"),
        (&garbage, "nanoqga", "user-data is not taken: line 0: it is no cloud-config"),
        (&garbage, "nanoqga", "network-config is not taken: line 0: it is not UTF-8"),
        (&spoiled, "nanoqga", "Structure needs cleaning"),
        (&many, "of-many", "network-config is not taken: line 0: there is no such file"),
        (&large, "nanoqga", "meta-data is not taken: line 0: it is too large"),
        (&circle, "nanoqga", "meta-data is not taken: line 0: there is no such file"),
    ] {
        let mut config = config_of(&APPLIANCE, "q35", Virtio)?;
        drive.attach(&mut config, ",readonly=on", "");
        let Booted { mut agent, guest } = Booted::start(&config)?;
        let told = ask(&mut agent, "guest-get-host-name").with_context(|| line.to_string())?;
        ensure!(told["host-name"] == name, "{told}: {line}");
        guest.console_shows(line, soon())?;
        // Files are never kept there.
        let handle = agent.execute("guest-file-open", json!({"path": "/x", "mode": "w"}), soon())?;
        ensure!(handle == 1000, "{handle}");
        guest.console_shows("/dev/vda is not for files: it has settings", soon())?;
    }
    Ok(())
}

/// Makes all folders of a volume its root.
fn root_is_its_own_child(disk: &Disk) -> Result<()> {
    const BLOCK: usize = 2048;
    let bytes = fs::read(disk.path())?;
    let root = u32::from_le_bytes(bytes[16 * BLOCK + 158..][..4].try_into()?) as usize * BLOCK;
    let mut at = root;
    while bytes[at] != 0 {
        if bytes[at + 25] & 2 != 0 {
            disk.patch(at as u64 + 2, &bytes[16 * BLOCK + 158..][..8])?;
        }
        at += usize::from(bytes[at]);
    }
    Ok(())
}
