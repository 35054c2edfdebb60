//! The agent for Linux on vsock, in a guest with Debian's kernel.

use std::io::Write;

use anyhow::{Result, ensure};
use debian::linux::{Extra, Kernel, config};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::Channel;
use tests::booted::{resynchronise, synchronise};
use tests::images::linux_agent;
use tests::sockets::{PORT, Vsock};
use tests::soon;

/// Each after what it needs.
const MODULES: [&str; 3] = ["vsock", "vmw_vsock_virtio_transport_common", "vmw_vsock_virtio_transport"];

/// Any context ID of the guest's own, as the number that stands for it.
const ANY: u32 = u32::MAX;

/// The modules of vsock, each with its place in a guest, and its content.
pub fn modules() -> Result<Vec<(String, Vec<u8>)>> {
    let kernel = Kernel::find()?;
    let module = |(index, name)| {
        Ok((format!("/modules/9{index}-{name}.ko"), kernel.module(&format!("net/vmw_vsock/{name}.ko"))?))
    };
    MODULES.into_iter().enumerate().map(module).collect()
}

#[test]
fn it_listens_at_a_context_id_and_a_port() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let modules = modules()?;
    let extras: Vec<_> =
        modules.iter().map(|(path, content)| Extra { path, mode: 0o644, content: content.clone() }).collect();
    let mut config = config(&linux_agent()?, Channel::Virtio, &folder.path().join("initramfs"), &extras)?;
    config.channels.clear();
    config.append += &format!(" -m vsock-listen -p {ANY}:{PORT} -v");
    let mut vsock = Vsock::start(config, "serving 4294967295:1234")?;

    // One after another. Each may leave in the middle of a message.
    for id in 1..=20 {
        let mut client = vsock.connect()?;
        synchronise(&mut client, id)?;
        let long = "x".repeat(100 << 10);
        let reply = client.request(&format!(r#"{{"execute":"guest-ping","id":"{long}"}}"#), soon())?;
        ensure!(reply.text().len() > long.len());
        client.send(br#"{"execute":"guest-sync","arguments":{"id":"#, soon())?;
    }
    let mut client = vsock.connect()?;
    client.send(b"{", soon())?;
    ensure!(resynchronise(&mut client, 3)?.len() == 1);
    drop(client);
    vsock.stream()?.write_all(br#"{"execute":"guest-shutdown"}"#)?;
    ensure!(vsock.guest.ended()?.success(), "{}", vsock.guest.tails());
    Ok(())
}
