//! A large file on a disk: read from one end to the other, and in random places; and one on a slow disk. Linux reads the disk itself, as
//! a file.

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
use super::usage::microseconds;

const LENGTH: usize = 64 << 20;
/// What a disk has beside the file: the volume and its table.
const REST: usize = 8 << 20;
/// At the root of the volume.
const FILE: &str = "bench.bin";

const TURNS: usize = 3;
/// In one turn: some 10,000 in all turns.
const RANDOM_READS: usize = 3334;

/// A disk that takes its time, how much of it is read, and in which pieces: a request each.
const SLOW: &str = ",throttling.iops-total=10";
const SLOW_LENGTH: usize = 1 << 20;
const SLOW_PIECE: usize = 32 << 10;

/// All that have files, ours first.
pub(super) const SIDES: [Contender; 3] = [Contender::Appliance, Contender::LinuxAgent, Contender::QemuGa];

/// MB/s from one end to the other, and reads of 4 KiB in a second.
pub(super) fn reads(files: &GuestFiles, machine: &'static Machine) -> Result<[Measure; 2]> {
    let mut sessions = sessions(files, machine, LENGTH, &SIDES, "")?;
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

/// The processor time that QEMU takes to read 1 MiB of a disk that takes seconds for it, in milliseconds. Once, because Linux has it in
/// memory then.
pub(super) fn slow(files: &GuestFiles, machine: &'static Machine, quick: bool) -> Result<Measure> {
    let sides = if quick { &SIDES[..1] } else { &SIDES };
    let mut measure = blank("slow-disk-cpu");
    for mut session in sessions(files, machine, SLOW_LENGTH, sides, SLOW)? {
        let path = path(session.contender);
        let read = |session: &mut Session| read_file(&mut session.agent, path, SLOW_LENGTH, SLOW_PIECE);
        let (used, _) = microseconds(session.pid(), || read(&mut session))?;
        measure.add(session.contender, used / 1e3);
    }
    Ok(measure)
}

/// Guests that share a disk with a file of so many bytes. `drive` has more of what QEMU's `-drive` takes.
pub(super) fn sessions(
    files: &GuestFiles,
    machine: &'static Machine,
    length: usize,
    sides: &[Contender],
    drive: &str,
) -> Result<Vec<Session>> {
    let disk = files.folder().join(format!("disk-{length}"));
    write_disk(&disk, length)?;
    let start = |side: &Contender| Session::start(*side, &files.config_with_disk(*side, machine, &disk, drive)?);
    sides.iter().map(start).collect()
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
