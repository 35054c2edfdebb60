//! A guest with dnsmasq as its DHCP server, in a network of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::deadline::{Deadline, SOON};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel::Virtio;
use nanoqga_testkit::process::{find, output};
use nanoqga_testkit::qemu;
use serde_json::json;
use tests::booted::config_of;
use tests::images::APPLIANCE;
use tests::soon;

use crate::network::{addresses, routes};

/// What becomes QEMU, in a network with nothing but a card for the guest, whose other end is the server's.
const SCRIPT: &str =
    r#"ip tuntap add dev guest mode tap && ip address add 192.0.2.1/24 dev guest && ip link set guest up && exec "$@""#;

/// The server. It sends no host an address that another one has, without a wait to find out.
const OPTIONS: [&str; 10] = [
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--user=root",
    "--port=0",
    "--interface=guest",
    "--bind-interfaces",
    "--no-ping",
    "--dhcp-authoritative",
    "--log-dhcp",
    "--log-facility=-",
];

/// For how many seconds it lends an address: no less is possible.
const LEASE: u64 = 120;

/// One run of dnsmasq in a guest's network.
struct Server {
    process: Child,
    log: PathBuf,
}

impl Server {
    /// It lends the addresses from `first` to `last`, and has the guest renew its lease after some 12 seconds. The guest takes less than 8
    /// for a mistake.
    fn start(guest: &Guest, folder: &Path, first: u8, last: u8) -> Result<Self> {
        let file = |name: &str| folder.join(format!("{name}-{first}"));
        let log = file("log");
        let process = Command::new("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", guest.pid()))
            .args(["setpriv", "--pdeathsig", "KILL"])
            .arg(find("dnsmasq").context("dnsmasq is not installed; `cargo xtask setup` does that")?)
            .args(OPTIONS)
            .arg(format!("--dhcp-leasefile={}", file("leases").display()))
            .arg(format!("--pid-file={}", file("pid").display()))
            .arg(format!("--dhcp-range=192.0.2.{first},192.0.2.{last},255.255.255.0,{LEASE}"))
            .arg("--dhcp-option=option:T1,12")
            .arg("--dhcp-option=option:classless-static-route,198.51.100.0/24,192.0.2.7,0.0.0.0/0,192.0.2.1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .spawn()?;
        Ok(Self { process, log })
    }

    fn said(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// How many messages of a kind it has had or sent.
    fn count(&self, kind: &str) -> Result<usize> {
        Ok(self.said()?.matches(&format!(" {kind}(guest) ")).count())
    }

    /// Ends it when it has sent what its log tells of. It is killed in the middle of that otherwise, and the guest misses an answer.
    fn end(mut self) -> Result<()> {
        output(Command::new("kill").arg(self.process.id().to_string()), SOON)?;
        self.process.wait()?;
        Ok(())
    }

    /// A guest that misses the server when it renews its lease asks everybody at the latest when seven eighths of that are over.
    fn comes_to(&self, kind: &str, count: usize) -> Result<()> {
        let reached = Deadline::seconds(2 * LEASE)
            .poll(&format!("{count} of {kind}"), || Ok((self.count(kind)? >= count).then_some(())));
        reached.with_context(|| format!("the server says:\n{}", self.said().unwrap_or_default()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_lease_is_taken_renewed_and_given_up_when_the_server_takes_it_back() -> Result<()> {
    let mut own_network = Command::new("unshare");
    own_network.args(["--net", "ip", "tuntap", "add", "dev", "guest", "mode", "tap"]).stderr(Stdio::null());
    if !own_network.status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: a network of one's own needs root, unshare, ip and the kernel's TAP driver");
        return Ok(());
    }
    let folder = PrivateFolder::new()?;
    let mut config = config_of(&APPLIANCE, "q35", Virtio)?;
    config.append = "hostname=leased".into();
    config.argument("-netdev", "tap,id=net,ifname=guest,script=no,downscript=no").virtio("net", "netdev=net");
    let program = folder.path().join("qemu-in-a-network");
    let qemu = qemu::program(config.machine.qemu)?;
    fs::write(&program, format!("#!/bin/sh\nexec unshare --net sh -c '{SCRIPT}' sh '{}' \"$@\"\n", qemu.display()))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let start = Instant::now();
    let mut guest = Guest::start_program(&program.display().to_string(), &config.arguments(), config.console)?;
    let mut agent = guest.connect(soon())?;
    // The network is QEMU's own once it answers.
    agent.execute("guest-ping", json!({}), soon())?;

    let server = Server::start(&guest, folder.path(), 50, 59)?;
    server.comes_to("DHCPACK", 1)?;
    let mut lease = String::new();
    soon().poll("an address", || {
        lease = addresses(&mut agent, 0)?.first().cloned().unwrap_or_default();
        Ok(lease.starts_with("192.0.2.").then_some(()))
    })?;
    let number: u8 = lease.trim_start_matches("192.0.2.").trim_end_matches("/24").parse()?;
    ensure!((50..=59).contains(&number), "{lease}");
    let told = routes(&mut agent)?;
    for (destination, gateway) in [("198.51.100.0", "192.0.2.7"), ("0.0.0.0", "192.0.2.1")] {
        let is_there = told.iter().any(|route| route["destination"] == destination && route["gateway"] == gateway);
        ensure!(is_there, "no route to {destination} in {told:?}");
    }
    ensure!(server.said()?.contains(" leased"), "its name was not told: {}", server.said()?);

    // Renewals go to the server alone, and nothing is sought.
    let sought = server.count("DHCPDISCOVER")?;
    server.comes_to("DHCPACK", 3)?;
    ensure!(server.count("DHCPDISCOVER")? == sought && server.count("DHCPNAK")? == 0, "{}", server.said()?);
    ensure!(addresses(&mut agent, 0)?[0] == lease);
    let first = ["DHCPDISCOVER", "DHCPREQUEST"].map(|kind| server.count(kind));
    server.end()?;

    // The next server lends others.
    let server = Server::start(&guest, folder.path(), 150, 159)?;
    server.comes_to("DHCPNAK", 1)?;
    server.comes_to("DHCPACK", 1)?;
    soon().poll("another address", || {
        let all = addresses(&mut agent, 0)?;
        ensure!(!all.contains(&lease) || server.count("DHCPACK")? <= 1, "{lease} is still there: {all:?}");
        Ok(all.first().is_some_and(|address| address.starts_with("192.0.2.15")).then_some(()))
    })?;
    ensure!(!addresses(&mut agent, 0)?.contains(&lease));
    server.comes_to("DHCPACK", 2)?;
    let mut messages = 0;
    for count in first.into_iter().chain(["DHCPDISCOVER", "DHCPREQUEST"].map(|kind| server.count(kind))) {
        messages += count?;
    }
    let seconds = start.elapsed().as_secs();
    ensure!(messages as u64 <= seconds, "{messages} messages in {seconds} s");
    println!("{messages} messages in {seconds} s");
    Ok(())
}
