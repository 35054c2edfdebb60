//! The standard commands that ask for a guest's state or change it, with their types as QEMU's schema has them.
//!
//! Members that QEMU's schema has and no caller needs are left out; [`Agent::execute`] has them all. Times are in nanoseconds
//! since 1970, sizes in bytes. What a guest does not know is `None`.

use anyhow::Result;
use serde::Deserialize;
use serde_json::json;

use crate::agent::Agent;

/// What an agent is: guest-info.
#[derive(Clone, Debug, Deserialize)]
pub struct Info {
    /// Its version.
    pub version: String,
    /// Its commands, in no order.
    #[serde(rename = "supported_commands")]
    pub commands: Vec<CommandInfo>,
}

impl Info {
    /// Whether it has a command, and may run it.
    pub fn has(&self, name: &str) -> bool {
        self.commands.iter().any(|command| command.name == name && command.enabled)
    }
}

/// One of an agent's commands.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CommandInfo {
    /// Its name.
    pub name: String,
    /// Whether it may be run.
    pub enabled: bool,
    /// Whether it has a reply when it succeeds.
    #[serde(default = "yes")]
    pub success_response: bool,
}

fn yes() -> bool {
    true
}

/// The guest's operating system: guest-get-osinfo.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct OsInfo {
    /// The kernel's release, as `uname -r` has it.
    pub kernel_release: Option<String>,
    /// The kernel's version, as `uname -v` has it.
    pub kernel_version: Option<String>,
    /// The processor's architecture, as `uname -m` has it.
    pub machine: Option<String>,
    /// The system's name for programs.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its name and version for people.
    pub pretty_name: Option<String>,
    /// Its version for people.
    pub version: Option<String>,
    /// Its version for programs.
    pub version_id: Option<String>,
    /// Which kind of the system it is, for people.
    pub variant: Option<String>,
    /// Which kind of the system it is, for programs.
    pub variant_id: Option<String>,
}

/// The guest's time zone: guest-get-timezone.
#[derive(Clone, Debug, Deserialize)]
pub struct TimeZone {
    /// Its name.
    pub zone: Option<String>,
    /// Seconds east of UTC.
    pub offset: i64,
}

/// How many processes were ready to run, on average: guest-get-load.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Load {
    /// Over a minute.
    #[serde(rename = "load1m")]
    pub one_minute: f64,
    /// Over five minutes.
    #[serde(rename = "load5m")]
    pub five_minutes: f64,
    /// Over fifteen minutes.
    #[serde(rename = "load15m")]
    pub fifteen_minutes: f64,
}

/// Someone who is logged in: guest-get-users.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct User {
    /// The account's name.
    #[serde(rename = "user")]
    pub name: String,
    /// When, in seconds since 1970.
    pub login_time: f64,
    /// The account's domain, on Windows.
    pub domain: Option<String>,
}

/// A network interface: guest-network-get-interfaces.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its MAC address, as six numbers in hexadecimal.
    pub hardware_address: Option<String>,
    /// Its addresses.
    #[serde(default)]
    pub ip_addresses: Vec<IpAddress>,
}

/// An address of an interface.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct IpAddress {
    /// The address, of either version.
    pub ip_address: std::net::IpAddr,
    /// How many of its bits are the network's.
    pub prefix: u8,
}

/// A mounted file system: guest-get-fsinfo.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileSystem {
    /// The device's name.
    pub name: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Its kind, such as `ext4`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How much of it is used.
    pub used_bytes: Option<u64>,
    /// How much users other than root can use of it.
    pub total_bytes: Option<u64>,
}

/// A disk, or a partition of one: guest-get-disks.
#[derive(Clone, Debug, Deserialize)]
pub struct Disk {
    /// The device's name.
    pub name: String,
    /// Whether it is a partition.
    pub partition: bool,
    /// The devices that it is on.
    #[serde(default)]
    pub dependencies: Vec<String>,
}

/// A logical processor: guest-get-vcpus.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Processor {
    /// Its number.
    pub logical_id: u64,
    /// Whether it runs.
    pub online: bool,
    /// Whether it can be stopped.
    pub can_offline: Option<bool>,
}

/// Each has the errors of [`Agent::execute`].
impl Agent {
    /// guest-ping: whether the agent answers.
    pub fn ping(&mut self) -> Result<()> {
        self.execute("guest-ping", None).map(drop)
    }

    /// guest-info.
    pub fn info(&mut self) -> Result<Info> {
        self.call("guest-info", None)
    }

    /// guest-get-osinfo.
    pub fn os_info(&mut self) -> Result<OsInfo> {
        self.call("guest-get-osinfo", None)
    }

    /// guest-get-host-name.
    pub fn host_name(&mut self) -> Result<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct HostName {
            host_name: String,
        }
        Ok(self.call::<HostName>("guest-get-host-name", None)?.host_name)
    }

    /// guest-get-time.
    pub fn time(&mut self) -> Result<i64> {
        self.call("guest-get-time", None)
    }

    /// guest-set-time. Without a time, the guest takes that of the machine's clock.
    pub fn set_time(&mut self, time: Option<i64>) -> Result<()> {
        let arguments = time.map(|time| json!({"time": time}));
        self.execute("guest-set-time", arguments.as_ref()).map(drop)
    }

    /// guest-get-timezone.
    pub fn time_zone(&mut self) -> Result<TimeZone> {
        self.call("guest-get-timezone", None)
    }

    /// guest-get-load.
    pub fn load(&mut self) -> Result<Load> {
        self.call("guest-get-load", None)
    }

    /// guest-get-users.
    pub fn users(&mut self) -> Result<Vec<User>> {
        self.call("guest-get-users", None)
    }

    /// guest-network-get-interfaces.
    pub fn interfaces(&mut self) -> Result<Vec<Interface>> {
        self.call("guest-network-get-interfaces", None)
    }

    /// guest-get-fsinfo.
    pub fn file_systems(&mut self) -> Result<Vec<FileSystem>> {
        self.call("guest-get-fsinfo", None)
    }

    /// guest-get-disks.
    pub fn disks(&mut self) -> Result<Vec<Disk>> {
        self.call("guest-get-disks", None)
    }

    /// guest-get-vcpus.
    pub fn processors(&mut self) -> Result<Vec<Processor>> {
        self.call("guest-get-vcpus", None)
    }

    /// guest-fsfreeze-status: whether file systems are frozen.
    pub fn is_frozen(&mut self) -> Result<bool> {
        Ok(self.execute("guest-fsfreeze-status", None)? == "frozen")
    }

    /// guest-fsfreeze-freeze: returns how many file systems are frozen now.
    pub fn freeze(&mut self) -> Result<u64> {
        self.call("guest-fsfreeze-freeze", None)
    }

    /// guest-fsfreeze-thaw: returns how many file systems were thawed.
    pub fn thaw(&mut self) -> Result<u64> {
        self.call("guest-fsfreeze-thaw", None)
    }
}
