//! Devices that come and leave while the guest runs: ports, controllers, disks, cards. Each is used when it came, and let go when
//! it shall leave, and nothing else notices.

use std::env;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel::Virtio;
use nanoqga_testkit::qmp::Qmp;
use serde_json::{Value, json};
use tests::booted::{config_of, synchronise};
use tests::disk::Disk;
use tests::images::APPLIANCE;
use tests::processor::rests;
use tests::soon;

/// After so many rounds the guest has all the memory that it needs.
const FIRST_ROUNDS: u32 = 2;
/// The name of the agent's port.
const PORT: &str = "org.qemu.guest_agent.0";

/// A machine, and where its devices come.
struct Row {
    machine: &'static str,
    /// More of QEMU's arguments, by their names.
    arguments: &'static [(&'static str, &'static str)],
    /// Ports and bridges.
    bridges: &'static [&'static str],
    /// The buses of the controller, the disk and the card. `None`: the root bus.
    buses: Option<[&'static str; 3]>,
}

const PORTS: &[&str] =
    &["pcie-root-port,id=slot0,chassis=1", "pcie-root-port,id=slot1,chassis=2", "pcie-root-port,id=slot2,chassis=3"];
const SLOTS: Option<[&str; 3]> = Some(["slot0", "slot1", "slot2"]);
const NATIVE: (&str, &str) = ("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off");

macro_rules! rows {
    ($($row:ident: $machine:literal, $arguments:expr, $bridges:expr, $buses:expr;)*) => {$(
        #[test]
        fn $row() -> Result<()> {
            let row = Row { machine: $machine, arguments: $arguments, bridges: $bridges, buses: $buses };
            Plugs::start(&row)?.go_round()
        }
    )*};
}

rows! {
    pc: "pc", &[], &[], None;
    // Behind a bridge, for which ACPI has a number.
    bridge_pc: "pc", &[], &["pci-bridge,id=bridge,chassis_nr=1"], Some(["bridge"; 3]);
    q35: "q35", &[], PORTS, SLOTS;
    // Slots that interrupt themselves.
    native_q35: "q35", &[NATIVE], PORTS, SLOTS;
    microvm: "microvm", &[("-machine", "pcie=on")], PORTS, SLOTS;
    aarch64: "aarch64-virt", &[], PORTS, SLOTS;
    riscv64: "riscv64-virt", &[], PORTS, SLOTS;
}

/// A guest whose devices all come while it runs.
struct Plugs {
    guest: Guest,
    qmp: Qmp,
    buses: Option<[&'static str; 3]>,
    _disk: Disk,
}

impl Plugs {
    /// Boots it without a single device.
    fn start(row: &Row) -> Result<Self> {
        let disk = Disk::fat(12, 4 << 10)?;
        let mut config = config_of(&APPLIANCE, row.machine, Virtio)?;
        config.channels.clear();
        config.argument("-chardev", "socket,id=agent0,path=agent0.sock,server=on,wait=off");
        // Without a channel at first, the agent would take the serial port of the log.
        config.append = "agent=virtio".into();
        config.argument("-netdev", "user,id=network");
        let file = disk.path().display();
        config.argument("-blockdev", format!("driver=raw,node-name=disk,file.driver=file,file.filename={file}"));
        for (name, value) in row.arguments {
            config.argument(name, *value);
        }
        for bridge in row.bridges {
            config.argument("-device", *bridge);
        }
        let mut guest = Guest::start(&config)?;
        let qmp = guest.qmp(soon())?;
        Ok(Self { guest, qmp, buses: row.buses, _disk: disk })
    }

    /// Plugs and unplugs all kinds of devices in turn, `NANOQGA_PLUGS` times. The guest always answers, needs no more memory after
    /// the first rounds, and sleeps in the end.
    fn go_round(mut self) -> Result<()> {
        let rounds = env::var("NANOQGA_PLUGS").map_or(Ok(6), |rounds| rounds.parse())?;
        self.guest.console_shows("ready: ", soon())?;
        let mut free = None;
        for round in 0..rounds {
            let is_free = self.round(round).with_context(|| format!("round {round}{}", self.guest.tails()))?;
            if round > FIRST_ROUNDS {
                ensure!(*free.get_or_insert(is_free) == is_free, "round {round}: {free:?} KiB became {is_free}");
            }
        }
        self.add("virtio-serial-pci", "controller", 0, json!({}))?;
        self.add_port(1)?;
        let mut agent = self.connect()?;
        rests(self.guest.pid(), 0.01)?;
        synchronise(&mut agent, 1)
    }

    /// Returns how many KiB of memory are free then.
    fn round(&mut self, round: u32) -> Result<u64> {
        self.add("virtio-serial-pci", "controller", 0, json!({}))?;
        self.add_port(1 + round % 3)?;
        let agent = self.connect()?;
        // A port comes and leaves without its controller.
        self.remove("port")?;
        drop(agent);
        self.add_port(1 + round % 2)?;
        let mut agent = self.connect()?;

        self.add("virtio-blk-pci", "disk", 1, json!({"drive": "disk"}))?;
        shows(&mut agent, "guest-get-disks", 1)?;
        let file =
            agent.execute("guest-file-open", json!({"path": format!("/{}", round % 100), "mode": "w"}), soon())?;
        let write = json!({"handle": file, "buf-b64": "aGVsbG8="});
        agent.execute("guest-file-write", write.clone(), soon())?;

        self.add("virtio-net-pci", "card", 2, json!({"netdev": "network"}))?;
        shows(&mut agent, "guest-network-get-interfaces", 1)?;
        if round == 0 {
            agent.execute("nanoqga-network-configure", json!({"name": "eth0", "dhcp": true}), soon())?;
        }

        self.remove("disk")?;
        shows(&mut agent, "guest-get-disks", 0)?;
        ensure!(agent.execute("guest-file-write", write, soon()).is_err(), "a file on a removed disk was written to");
        let opened = agent.execute("guest-file-open", json!({"path": "/f", "mode": "w"}), soon());
        ensure!(opened.is_err_and(|error| format!("{error:#}").contains("was removed")), "files are kept in memory");
        self.remove("card")?;
        shows(&mut agent, "guest-network-get-interfaces", 0)?;
        synchronise(&mut agent, round.into())?;
        let log = agent.execute("nanoqga-log", json!({}), soon())?;
        drop(agent);
        self.remove("controller")?;
        free(&log)
    }

    fn add(&mut self, driver: &str, id: &str, bus: usize, more: Value) -> Result<()> {
        let mut arguments = more;
        arguments["driver"] = driver.into();
        arguments["id"] = id.into();
        if let Some(buses) = self.buses {
            arguments["bus"] = buses[bus].into();
            // A bridge has many slots.
            if buses[0] == buses[1] {
                arguments["addr"] = format!("{:x}", bus + 1).into();
            }
        }
        self.qmp.execute("device_add", arguments, soon()).map(drop)
    }

    fn add_port(&mut self, number: u32) -> Result<()> {
        let port = json!({"driver": "virtserialport", "id": "port", "bus": "controller.0", "chardev": "agent0",
            "name": PORT, "nr": number});
        self.qmp.execute("device_add", port, soon()).map(drop)
    }

    /// Returns when QEMU says that the device is gone.
    fn remove(&mut self, id: &str) -> Result<()> {
        self.qmp.execute("device_del", json!({"id": id}), soon())?;
        while self.qmp.event("DEVICE_DELETED", soon()).with_context(|| format!("removing {id}"))?["device"] != id {}
        Ok(())
    }

    fn connect(&mut self) -> Result<Client> {
        let mut agent = self.guest.connect(soon())?;
        synchronise(&mut agent, 1)?;
        Ok(agent)
    }
}

/// The list that a command returns has as many elements at last.
fn shows(agent: &mut Client, command: &str, count: usize) -> Result<()> {
    soon().poll(&format!("{count} of {command}"), || {
        let list = agent.execute(command, json!({}), soon())?;
        Ok((list.as_array().is_some_and(|list| list.len() == count)).then_some(()))
    })
}

/// The last figure of free memory in a log.
fn free(log: &Value) -> Result<u64> {
    let lines = log.as_array().context("a log is a list")?;
    let mut figures = lines.iter().filter_map(|line| line.as_str()?.strip_suffix(" KiB of memory are free"));
    Ok(figures.next_back().context("no figure of free memory")?.parse()?)
}
