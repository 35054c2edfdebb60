//! The appliance's disks, its volume and the files on it.

use anyhow::{Result, ensure};
use oracle::Engine;
use oracle::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tests::booted::config_of;
use tests::disk::Disk;
use tests::{Booted, soon};
use xtask::client::Client;
use xtask::image::APPLIANCE;
use xtask::machine::Channel::Virtio;
use xtask::qemu::Config;

fn booted(machine: &str, adjust: impl FnOnce(&mut Config)) -> Result<Booted> {
    let mut config = config_of(&APPLIANCE, machine, Virtio)?;
    adjust(&mut config);
    Booted::start(&config)
}

fn with_disk(machine: &str, disk: &Disk) -> Result<Booted> {
    booted(machine, |config| disk.attach(config, "", ""))
}

fn open(agent: &mut Client, path: &str, mode: &str) -> Result<i64> {
    let handle = agent.execute("guest-file-open", json!({"path": path, "mode": mode}), soon())?;
    Ok(handle.as_i64().unwrap_or(-1))
}

fn about(agent: &mut Client, command: &str, handle: i64) -> Result<Value> {
    agent.execute(command, json!({"handle": handle}), soon())
}

/// All of a file, in pieces of `count`.
fn read(agent: &mut Client, path: &str, count: usize) -> Result<Vec<u8>> {
    let handle = open(agent, path, "r")?;
    let mut content = Vec::new();
    loop {
        let read = agent.execute("guest-file-read", json!({"handle": handle, "count": count}), soon())?;
        content.extend(BASE64_STANDARD.decode(read["buf-b64"].as_str().unwrap_or_default())?);
        if read["eof"] == true {
            break;
        }
    }
    about(agent, "guest-file-close", handle)?;
    Ok(content)
}

#[test]
fn a_file_of_a_fat_image_is_read() -> Result<()> {
    let disk = Disk::fat(16, 16 << 10)?;
    let content: Vec<u8> = (0..100_000u32).map(|number| (number * 7 / 3) as u8).collect();
    disk.put("a file with a long name.txt", &content)?;
    let Booted { mut agent, guest: _guest } = with_disk("q35", &disk)?;
    ensure!(read(&mut agent, "/a file with a long name.txt", 48 << 10)? == content);
    Ok(())
}
