//! Files on the FAT volume, through its cache.

use core::fmt::Write;

use embedded_io::SeekFrom;
use machine::monotonic_ns;
use nanoqga::commands::testing::{Output, Verdict, skip};
use nanoqga::{check, check_eq, tests};
use storage::{Access, BLOCK, Error, OpenMode};

use crate::state::disks::Reached;
use crate::testing::kernel::{Kernel, Suite};

pub(super) const ALL: Suite = tests!["files":
    what_is_written_is_read_again.cases(4),
    a_file_larger_than_the_cache_is_whole,
    the_cache_has_nothing_unwritten_after_a_flush,
    what_is_appended_stands_at_the_end,
    a_file_that_is_not_there_is_not_opened,
];

/// How long the file of each case is: within a sector, across one, a block, several.
const LENGTHS: [usize; 4] = [1, 513, BLOCK, 5 * BLOCK + 7];
/// A time, for the directory.
const NOW: i64 = 1_700_000_000;

const NEW: OpenMode = OpenMode { access: Access::Write, update: true };
const APPENDED: OpenMode = OpenMode { access: Access::Append, update: true };
const OLD: OpenMode = OpenMode { access: Access::Read, update: false };

/// A file of the test's own on the volume.
struct File<'a> {
    reached: Reached<'a>,
    handle: i64,
}

impl<'a> File<'a> {
    fn open(kernel: &'a mut Kernel, path: &str, mode: OpenMode) -> Result<Self, Error> {
        let mut reached = kernel.state.storage.reach()?;
        let Reached { volume, device, files, .. } = &mut reached;
        let handle = files.open(volume, *device, path.chars(), mode, NOW)?;
        Ok(Self { reached, handle })
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        let Reached { volume, device, files, .. } = &mut self.reached;
        while !bytes.is_empty() {
            let written = files.write(volume, *device, self.handle, bytes, NOW)?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let Reached { volume, device, files, .. } = &mut self.reached;
        files.read(volume, *device, self.handle, into)
    }

    fn rewind(&mut self) -> Result<(), Error> {
        let Reached { volume, device, files, .. } = &mut self.reached;
        files.seek(volume, *device, self.handle, SeekFrom::Start(0)).map(|_| ())
    }

    fn flush(&mut self) -> Result<(), Error> {
        let Reached { volume, device, files, .. } = &mut self.reached;
        files.flush(volume, *device, self.handle)
    }

    fn close(mut self) -> Result<(), Error> {
        let Reached { volume, device, files, .. } = &mut self.reached;
        files.close(volume, *device, self.handle)
    }
}

/// Bytes that differ from place to place and from seed to seed: xorshift.
struct Pattern(u64);

impl Pattern {
    const fn of(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15 | 1)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            *byte = self.0 as u8;
        }
    }
}

/// Writes so many bytes of a pattern and checks that they are read again, in pieces that fit no sector.
fn round_trip(kernel: &mut Kernel, length: usize, seed: u64) -> Verdict {
    let mut file = match File::open(kernel, "/ROUND.BIN", NEW) {
        Err(error @ Error::NoMemory) => return skip(error.reason()),
        file => file?,
    };
    let (mut pattern, mut piece, mut left) = (Pattern::of(seed), [0; 1000], length);
    while left > 0 {
        let piece = &mut piece[..left.min(1000)];
        pattern.fill(piece);
        file.write(piece)?;
        left -= piece.len();
    }
    file.rewind()?;
    let (mut pattern, mut expected, mut read) = (Pattern::of(seed), [0; 700], 0);
    loop {
        let count = file.read(&mut piece[..700])?;
        pattern.fill(&mut expected[..count]);
        check!(piece[..count] == expected[..count], "byte {read} or one of the {count} behind it is another one");
        read += count;
        if count < 700 {
            break;
        }
    }
    check_eq!(read, length);
    file.close()?;
    Ok(())
}

fn what_is_written_is_read_again(kernel: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let length = LENGTHS[output.case() as usize % LENGTHS.len()];
    writeln!(output, "{length} bytes, seed {}", output.seed())?;
    round_trip(kernel, length, output.seed())
}

fn a_file_larger_than_the_cache_is_whole(kernel: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let length = 40 * BLOCK;
    let Reached { volume, device, .. } = kernel.state.storage.reach()?;
    let free = volume.space(device)?.free;
    if free < 2 * length as u64 {
        return skip(format_args!("the volume has {free} bytes free, too few"));
    }
    let start = monotonic_ns();
    round_trip(kernel, length, output.seed())?;
    if let (Some(start), Some(end)) = (start, monotonic_ns()) {
        let ns = end.saturating_sub(start).max(1);
        output.measure("throughput", 2.0 * length as f64 * 1e9 / ns as f64, "bytes/s");
    }
    Ok(())
}

fn the_cache_has_nothing_unwritten_after_a_flush(kernel: &mut Kernel, _: &mut Output<'_>) -> Verdict {
    if kernel.state.storage.reach()?.device.memory().is_some() {
        return skip("the volume is in memory, and needs no cache");
    }
    let mut file = File::open(kernel, "/FLUSH.BIN", NEW)?;
    file.write(b"written")?;
    check!(file.reached.volume.has_unwritten(), "the cache wrote before it had to");
    file.flush()?;
    check!(!file.reached.volume.has_unwritten(), "something is left in the cache");
    file.close()?;
    Ok(())
}

fn what_is_appended_stands_at_the_end(kernel: &mut Kernel, _: &mut Output<'_>) -> Verdict {
    for (mode, bytes) in [(NEW, b"one "), (APPENDED, b"two "), (APPENDED, b"end.")] {
        let mut file = File::open(kernel, "/APPEND.TXT", mode)?;
        file.write(bytes)?;
        file.close()?;
    }
    let mut file = File::open(kernel, "/append.txt", OLD)?;
    let mut room = [0; 20];
    let count = file.read(&mut room)?;
    check!(room[..count] == *b"one two end.", "it is {:?}", room[..count].escape_ascii());
    file.close()?;
    Ok(())
}

fn a_file_that_is_not_there_is_not_opened(kernel: &mut Kernel, _: &mut Output<'_>) -> Verdict {
    check!(File::open(kernel, "/NOWHERE.BIN", OLD).is_err(), "it was opened");
    check!(File::open(kernel, "/NOWHERE/NEW.BIN", NEW).is_err(), "it was made in a directory that is not there");
    Ok(())
}
