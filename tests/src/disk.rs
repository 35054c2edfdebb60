//! Disks in files, made and looked into with the tools that others use: mtools and dosfstools share no code with the image, so
//! they find what its FAT library gets wrong, and bear a volume that a guest is writing.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use nanoqga_testkit::deadline::soon;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::find;
use nanoqga_testkit::qemu::Config;

/// A raw disk in a file of its own folder.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    folder: PrivateFolder,
}

impl Disk {
    /// A disk of so many KiB, all zeros.
    ///
    /// # Errors
    /// When its file cannot be made.
    pub fn blank(kib: u64) -> Result<Self> {
        let folder = PrivateFolder::new()?;
        let path = folder.path().join("disk.img");
        File::create(&path)?.set_len(kib << 10)?;
        Ok(Self { path, folder })
    }

    /// The same with a FAT volume all over it, of 12, 16 or 32 bits.
    ///
    /// # Errors
    /// When mkfs.fat cannot make one.
    pub fn fat(bits: u32, kib: u64) -> Result<Self> {
        let disk = Self::blank(kib)?;
        disk.run("mkfs.fat", &["-F", &bits.to_string(), "-n", "TEST", "@"])?;
        Ok(disk)
    }

    /// A copy of it as it is now that can hold snapshots, in a file beside its own.
    ///
    /// # Errors
    /// When qemu-img cannot make one.
    pub fn qcow2(&self) -> Result<PathBuf> {
        let copy = self.folder().join("disk.qcow2");
        self.run("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", "@", &copy.to_string_lossy()])?;
        Ok(copy)
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder for what belongs to it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Overwrites bytes of it.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn patch(&self, at: u64, bytes: &[u8]) -> Result<()> {
        Ok(File::options().write(true).open(&self.path)?.write_all_at(bytes, at)?)
    }

    /// Puts a file on the volume.
    ///
    /// # Errors
    /// When mtools cannot.
    pub fn put(&self, path: &str, content: &[u8]) -> Result<()> {
        let source = self.folder().join("content");
        fs::write(&source, content)?;
        self.run("mcopy", &["-i", "@", &source.to_string_lossy(), &format!("::{path}")]).map(drop)
    }

    /// The content of a file on the volume.
    ///
    /// # Errors
    /// When mtools finds none.
    pub fn get(&self, path: &str) -> Result<Vec<u8>> {
        let target = self.folder().join("content");
        // mcopy asks before it overwrites.
        let _ = fs::remove_file(&target);
        self.run("mcopy", &["-n", "-i", "@", &format!("::{path}"), &target.to_string_lossy()])?;
        Ok(fs::read(target)?)
    }

    /// The volume is in order, and was left so.
    ///
    /// # Errors
    /// When fsck.fat finds otherwise.
    pub fn is_clean(&self) -> Result<()> {
        let said = self.run("fsck.fat", &["-n", "@"])?;
        ensure!(!said.contains("Dirty bit"), "{said}");
        Ok(())
    }

    /// Has fsck.fat repair the volume; gives what it said.
    ///
    /// # Errors
    /// When it cannot, or the volume is not in order after that.
    pub fn repair(&self) -> Result<String> {
        let program = find("fsck.fat").context("fsck.fat is not installed; `cargo xtask setup` does that")?;
        let run = limited(&program).arg("-a").arg(&self.path).output()?;
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        // 1: errors were found and repaired.
        ensure!(matches!(run.status.code(), Some(0 | 1)), "fsck.fat -a ({}): {said}", run.status);
        self.is_clean()?;
        Ok(said)
    }

    /// How many bytes the file takes of the host's disk.
    ///
    /// # Errors
    /// When the host cannot tell.
    pub fn allocated(&self) -> Result<u64> {
        Ok(std::os::unix::fs::MetadataExt::blocks(&fs::metadata(&self.path)?) * 512)
    }

    /// Runs a program, `@` standing for the disk's file; gives what it printed, once it has succeeded.
    ///
    /// # Errors
    /// When it does not.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let path = self.path.to_string_lossy();
        let found =
            find(program).with_context(|| format!("{program} is not installed; `cargo xtask setup` does that"))?;
        let mut command = limited(&found);
        command.env("MTOOLS_SKIP_CHECK", "1");
        command.args(arguments.iter().map(|argument| if *argument == "@" { path.as_ref() } else { argument }));
        let run = command.output()?;
        let said = String::from_utf8_lossy(&run.stdout);
        if !run.status.success() {
            bail!("{program} ({}): {said}{}", run.status, String::from_utf8_lossy(&run.stderr));
        }
        Ok(said.into_owned())
    }

    /// Gives the machine the disk, with more options for QEMU's drive and its device, each begun by a comma.
    pub fn attach(&self, config: &mut Config, drive: &str, device: &str) {
        config.disk(&format!("file={},format=raw{drive}", self.path.display()), device);
    }
}

/// A program that is ended when it hangs.
fn limited(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg(soon().limit().as_secs().to_string()).arg(program);
    command
}
