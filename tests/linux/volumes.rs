//! File systems on what is made from disks: a volume of the device mapper, a mirror, btrfs on two disks, and loops among them.

use std::fs::File;

use anyhow::{Result, ensure};
use debian::linux::{Extra, Kernel};
use debian::packages::root;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::folder::PrivateFolder;
use serde_json::{Value, json};
use tests::{Booted, soon};

use crate::beside::sorted;
use crate::both;
use crate::filesystems::{attach, int};
use crate::inside::run;

/// Where the programs that make them come from.
const SUITES: [&[&str]; 2] = [&["trixie"], &["sid"]];

/// What those need of the kernel, each after what it needs itself.
const MODULES: [&str; 8] = [
    "drivers/md/dm-mod.ko",
    "drivers/md/md-mod.ko",
    "drivers/md/raid1.ko",
    "lib/libcrc32c.ko",
    "crypto/xor.ko",
    "lib/raid6/raid6_pq.ko",
    "lib/zstd/zstd_compress.ko",
    "fs/btrfs/btrfs.ko",
];

/// So many disks of so many bytes, of which nothing is in use.
const DISKS: usize = 4;
const SIZE: u64 = 256 << 20;

/// A volume on the first disk, at /volume; a mirror of the next two, at /mirror; btrfs on the last disk and a file on the first volume, at
/// /btrfs, and a part of it at /part; a loop on a volume on a file on that, at /inner.
const SETUP: &str = r#"
set -e
tool() { name=$1; shift; DM_DISABLE_UDEV=1 /root/ld-linux-x86-64.so.2 --library-path /root /root/$name "$@"; }
disk() { busybox dd if=/dev/zero of=$1 bs=1M count=0 seek=$2; busybox losetup -f $1; }
busybox mkdir -p /volume /mirror /btrfs /part /inner
tool dmsetup create volume --table '0 400000 linear /dev/vda 2048'
busybox mke2fs -F /dev/mapper/volume
busybox mount -t ext4 /dev/mapper/volume /volume
tool mdadm --create /dev/md0 --run --assume-clean --level=1 --raid-devices=2 /dev/vdb /dev/vdc
busybox mke2fs -F /dev/md0
busybox mount -t ext4 /dev/md0 /mirror
disk /volume/half 96
tool mkfs.btrfs -q -f -d single -m raid1 /dev/vdd /dev/loop0
busybox mount -t btrfs -o device=/dev/loop0 /dev/vdd /btrfs
busybox mkdir /btrfs/part
busybox mount --bind /btrfs/part /part
disk /btrfs/inner 16
tool dmsetup create inner --table '0 32768 linear /dev/loop1 0'
busybox losetup -f /dev/mapper/inner
busybox mke2fs -F /dev/loop2
busybox mount -t ext4 /dev/loop2 /inner
"#;

/// Something that is not written yet in each.
const DIRTY: &str = "for place in $places; do busybox dd if=/dev/zero of=$place/dirty bs=4k count=100; done";

#[test]
fn what_lies_on_volumes_mirrors_and_several_disks_freezes_in_order() -> Result<()> {
    let tools = root("volumes-guest", &SUITES, &["dmsetup", "mdadm", "btrfs-progs"])?;
    let tools = ["dmsetup", "mdadm", "mkfs.btrfs"].map(|name| tools.executable(name));
    let tools = both::programs("/root", &tools.into_iter().collect::<Result<Vec<_>>>()?)?;
    let kernel = Kernel::find()?;
    let hook = Extra { path: "/hook", mode: 0o755, content: b"#!/bin/busybox sh\n".into() };
    let mut files = Vec::from([hook]);
    let names: Vec<String> = (60..).zip(MODULES).map(|(place, _)| format!("/modules/{place}.ko")).collect();
    for (name, module) in names.iter().zip(MODULES) {
        files.push(Extra { path: name, mode: 0o644, content: kernel.module(module)? });
    }
    let folder = PrivateFolder::new()?;
    let (Booted { mut agent, guest: _guest }, mut theirs) =
        both::boot(files.into_iter().chain(tools).collect(), |config| {
            for number in 0..DISKS {
                let file = folder.path().join(format!("disk{number}"));
                if let Ok(file) = File::create(&file) {
                    let _ = file.set_len(SIZE);
                }
                attach(config, &file);
            }
        })?;
    run(&mut agent, SETUP)?;
    for command in ["guest-get-fsinfo", "guest-get-disks"] {
        let [our, their] = [&mut agent, &mut theirs].map(|agent| told(agent, command));
        let (our, their) = (our?, their?);
        ensure!(our == their, "{command}\n     ours: {our}\nreference: {their}");
    }
    freezes(&mut agent, "/volume /mirror /btrfs /part /inner")?;
    // What has the file is now listed after what lies in it.
    let moves = |from: &str, to: &str| {
        format!("busybox mkdir {to}; busybox mount --bind {from} {to} && busybox umount -l {from}")
    };
    run(&mut agent, &moves("/volume", "/later"))?;
    freezes(&mut agent, "/later /mirror /btrfs /part /inner")?;
    run(&mut agent, &format!("{} && busybox umount -l /part", moves("/btrfs", "/last")))?;
    freezes(&mut agent, "/later /mirror /last /inner")
}

fn freezes(agent: &mut Client, places: &str) -> Result<()> {
    run(agent, &DIRTY.replace("$places", places))?;
    let (frozen, thawed) = (int(agent, "guest-fsfreeze-freeze")?, int(agent, "guest-fsfreeze-thaw")?);
    ensure!((frozen, thawed) == (4, 4), "{frozen} frozen, {thawed} thawed");
    run(agent, &format!("for place in {places}; do echo written > $place/file && busybox sync; done")).map(drop)
}

/// What a command returns, without what only udev tells qemu-ga.
fn told(agent: &mut Client, command: &str) -> Result<Value> {
    let mut told = agent.execute(command, json!({}), soon())?;
    for element in told.as_array_mut().into_iter().flatten() {
        let disks = element["disk"].as_array_mut().into_iter().flatten();
        disks.for_each(|disk| drop(disk.as_object_mut().and_then(|disk| disk.remove("serial"))));
        element.as_object_mut().and_then(|disk| disk.remove("alias"));
    }
    Ok(sorted(told))
}
