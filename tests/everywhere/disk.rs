//! Guests that boot a distribution's files from a disk.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use debian::linux::{self, Extra};
use debian::packages::{self, Root};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::{Deadline, SOON};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::process::{find, output, run};
use tests::booted::resynchronise;
use tests::images::linux_agent;

/// How many seconds a distribution may take to boot where it is emulated.
const BOOT: u64 = 600;
const COPY: Duration = Duration::from_secs(300);

/// What takes the guest from the kernel's first files to those on the disk.
const START: &str = "\
#!/bin/busybox sh
busybox mkdir -p /proc /sys /dev
busybox mount -t devtmpfs none /dev
for module in /modules/*; do busybox insmod $module; done
busybox mount -t ext4 /dev/vda /mnt
busybox mount --move /dev /mnt/dev
busybox mount -t sysfs none /mnt/sys
exec busybox switch_root /mnt /sbin/init
";

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";

/// A distribution's files, which a test may change.
#[derive(Debug)]
pub struct Tree {
    folder: PrivateFolder,
}

/// A guest with its disk.
#[derive(Debug)]
pub struct Installed {
    pub agent: Client,
    pub guest: Guest,
    /// Its disk goes with this.
    pub tree: Tree,
}

impl Tree {
    /// A copy of what was unpacked from packages.
    pub fn copy(root: &Root) -> Result<Self> {
        let tree = Self { folder: PrivateFolder::new()? };
        run(Command::new("cp").args(["--archive", "--reflink=auto"]).arg(root.path("")).arg(tree.path("")), COPY)?;
        for (name, text) in [("passwd", PASSWD), ("group", GROUP), ("hostname", "installed\n"), ("machine-id", "")] {
            fs::write(tree.path("etc").join(name), text)?;
        }
        for folder in ["proc", "sys", "dev", "run", "tmp", "root", "var/log"] {
            fs::create_dir_all(tree.path(folder))?;
        }
        // What Debian's base-files does when it is installed.
        for (name, to) in [("run", "/run"), ("lock", "/run/lock")] {
            let link = tree.path("var").join(name);
            fs::remove_dir(&link).and_then(|()| symlink(to, link))?;
        }
        Ok(tree)
    }

    /// Where a file of it is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("root").join(file)
    }

    /// Writes a file.
    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.path(file);
        fs::create_dir_all(path.parent().context("it is in a folder")?)?;
        fs::write(path, text).with_context(|| file.to_owned())
    }

    fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Boots it from a disk.
    pub fn boot(self, append: &str) -> Result<Installed> {
        let disk = self.disk();
        fs::File::create(&disk)?.set_len(1 << 30)?;
        let program = find("mkfs.ext4").unwrap_or_else(|| "mkfs.ext4".into());
        run(Command::new(program).arg("-q").arg("-d").arg(self.path("")).arg(&disk), COPY)?;
        fs::remove_dir_all(self.path(""))?;
        let busybox = packages::unpacked("busybox-static", || Ok("busybox-static".into()))?.join("bin/busybox");
        let extras = [
            Extra { path: "/bin/busybox", mode: 0o755, content: fs::read(busybox)? },
            Extra { path: "/bin/start", mode: 0o755, content: START.into() },
        ];
        let initramfs = self.folder.path().join("initramfs");
        let mut config = linux::config(&linux_agent()?, Channel::Virtio, &initramfs, &extras)?;
        config.append.insert_str(0, &format!("rdinit=/bin/start {append} "));
        config.memory_kib = 512 << 10;
        config.disk(&format!("file={},format=raw", disk.display()), "");
        let mut guest = Guest::start(&config)?;
        let booted = Deadline::seconds(BOOT);
        let mut agent = guest.connect(booted)?;
        let tails = |guest: &Guest| guest.tails();
        agent
            .send(b"\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":1}}", booted)
            .and_then(|()| agent.line(booted))
            .with_context(|| tails(&guest))?;
        resynchronise(&mut agent, 2)?;
        Ok(Installed { agent, guest, tree: self })
    }
}

impl Installed {
    /// The guest goes down, and leaves a clean disk.
    pub fn shut_down(mut self) -> Result<()> {
        self.switch_off()?;
        is_clean(&self.tree.disk())
    }

    /// The guest goes down.
    pub fn switch_off(&mut self) -> Result<()> {
        self.agent.send(br#"{"execute":"guest-shutdown"}"#, Deadline::seconds(BOOT))?;
        let ended = self.guest.wait(Deadline::seconds(BOOT));
        ensure!(ended.with_context(|| self.guest.tails())?.success());
        Ok(())
    }
}

/// Nothing is to be recovered or repaired.
pub fn is_clean(disk: &Path) -> Result<()> {
    let tool = |name: &str| Command::new(find(name).unwrap_or_else(|| name.into()));
    let features = output(tool("dumpe2fs").arg("-h").arg(disk), SOON)?;
    ensure!(!features.contains("needs_recovery"), "{features}");
    output(tool("e2fsck").args(["-f", "-n"]).arg(disk), SOON).map(drop)
}
