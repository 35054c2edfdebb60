//! A large file on a disk: read from one end to the other, and in random places. Linux reads the disk itself, as a file.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use lamfat::{FileSystem, FormatVolumeOptions, FsOptions, StdIoWrapper, format_volume};
use nanoqga_testkit::machine::Machine;

use super::contender::{Contender, GuestFiles};
use super::exchange::{random_reads, read_file};
use super::measures::blank;
use super::results::Measure;
use super::session::Session;
use super::talks::PIECE;

const LENGTH: usize = 64 << 20;
/// What a disk has beside the file: the volume and its table.
const REST: usize = 8 << 20;
/// At the root of the volume.
const FILE: &str = "bench.bin";

const TURNS: usize = 3;
/// In one turn: some 10,000 in all turns.
const RANDOM_READS: usize = 3334;

const SIDES: [Contender; 3] = [Contender::Appliance, Contender::LinuxAgent, Contender::QemuGa];

/// MB/s from one end to the other, and reads of 4 KiB in a second.
pub(super) fn reads(files: &GuestFiles, machine: &'static Machine) -> Result<[Measure; 2]> {
    let mut sessions = sessions(files, machine, LENGTH)?;
    let [mut whole, mut random] = ["file-read-64m", "file-random"].map(blank);
    for _ in 0..TURNS {
        for session in &mut sessions {
            let path = path(session.contender);
            whole.add(session.contender, read_file(&mut session.agent, path, LENGTH, PIECE)? / 1e6);
            random.add(session.contender, random_reads(&mut session.agent, path, LENGTH, RANDOM_READS)?);
        }
    }
    Ok([whole, random])
}

/// Guests that share a disk with a file of so many bytes.
pub(super) fn sessions(files: &GuestFiles, machine: &'static Machine, length: usize) -> Result<Vec<Session>> {
    let disk = files.folder().join(format!("disk-{length}"));
    write_disk(&disk, length)?;
    let start = |side: Contender| Session::start(side, &files.config_with_disk(side, machine, &disk)?);
    SIDES.into_iter().map(start).collect()
}

/// The path by which a contender reads the file, or as many bytes.
pub(super) fn path(contender: Contender) -> &'static str {
    if contender == Contender::Appliance { FILE } else { "/dev/vda" }
}

/// Writes a disk that is a FAT volume with the file.
fn write_disk(path: &Path, length: usize) -> Result<()> {
    let disk = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
    disk.set_len((length + REST) as u64)?;
    let mut disk = StdIoWrapper::new(disk);
    format_volume(&mut disk, FormatVolumeOptions::new())?;
    let volume = FileSystem::new(disk, FsOptions::new())?;
    let piece: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    {
        let mut file = volume.root_dir().create_file(FILE)?;
        for _ in 0..length / piece.len() {
            file.write_all(&piece)?;
        }
    }
    volume.unmount()?;
    Ok(())
}
