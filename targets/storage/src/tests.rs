//! Volumes on disks in memory: against a model, on disks that fail or lose power, and when they are made to do damage.

mod kinds;
mod places;

use std::boxed::Box;
use std::collections::BTreeMap;
use std::vec::Vec;

use embedded_io::SeekFrom;
use lamfat::{FileSystem, FormatVolumeOptions, FsOptions, IoBase, Read, Seek, SeekFrom as To, Write, format_volume};
use proptest::prelude::*;

use super::{
    Access, BLOCK, BlockDevice, Cache, Error, Geometry, MAX_TRANSFER, OpenFiles, OpenMode, RamDisk, SECTOR, Volume,
};
use super::{find_partitions, find_volume};

const NOW: i64 = 1_700_000_000;
const READ: OpenMode = OpenMode { access: Access::Read, update: false };
const UPDATE: OpenMode = OpenMode { access: Access::Read, update: true };
const WRITE: OpenMode = OpenMode { access: Access::Write, update: false };
const APPEND: OpenMode = OpenMode { access: Access::Append, update: false };

/// How the FAT crate formats and fills disks for the tests.
struct Formatted<'a> {
    memory: &'a mut [u8],
    position: usize,
}

impl IoBase for Formatted<'_> {
    type Error = Error;
}

impl Read for Formatted<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let rest = self.memory.get(self.position..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }
}

impl Write for Formatted<'_> {
    fn write(&mut self, from: &[u8]) -> Result<usize, Error> {
        let rest = self.memory.get_mut(self.position..).unwrap_or_default();
        let count = rest.len().min(from.len());
        rest[..count].copy_from_slice(&from[..count]);
        self.position += count;
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Seek for Formatted<'_> {
    fn seek(&mut self, to: To) -> Result<u64, Error> {
        let position = match to {
            To::Start(start) => i64::try_from(start).ok(),
            To::Current(by) => (self.position as i64).checked_add(by),
            To::End(by) => (self.memory.len() as i64).checked_add(by),
        };
        self.position = position.and_then(|position| usize::try_from(position).ok()).ok_or(Error::Io)?;
        Ok(self.position as u64)
    }
}

/// A disk that keeps what it was told, and fails when it is to.
#[derive(Clone, Default)]
struct Memory {
    bytes: Vec<u8>,
    read_only: bool,
    /// How many more writes and flushes succeed.
    writes_left: Option<u32>,
    reads_fail: bool,
    /// The size of its logical blocks, if that is not a sector.
    logical_block: Option<usize>,
    /// Whether all of it is lent as memory.
    in_memory: bool,
    reads: u32,
    writes: u32,
    flushes: u32,
    discarded: Vec<(u64, u64)>,
}

impl Memory {
    fn formatted(kib: usize, options: FormatVolumeOptions) -> Self {
        let mut bytes = std::vec![0; kib << 10];
        let sectors = (bytes.len() / SECTOR) as u32;
        format_volume(&mut Formatted { memory: &mut bytes, position: 0 }, options.total_sectors(sectors)).unwrap();
        Self { bytes, ..Self::default() }
    }

    fn small() -> Self {
        Self::formatted(256, FormatVolumeOptions::new())
    }

    /// One with a directory `dir`, a file `dir/a file with a long name` and a file `top`.
    fn filled() -> Self {
        let mut disk = Self::small();
        let files = FileSystem::new(Formatted { memory: &mut disk.bytes, position: 0 }, FsOptions::new()).unwrap();
        let directory = files.root_dir().create_dir("dir").unwrap();
        directory.create_file("a file with a long name").unwrap().write_all(&pattern(20_000)).unwrap();
        files.root_dir().create_file("top").unwrap().write_all(b"on top").unwrap();
        drop(directory);
        files.unmount().unwrap();
        disk
    }

    fn change(&mut self) -> Result<(), Error> {
        self.writes += 1;
        match &mut self.writes_left {
            Some(0) => return Err(Error::Io),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }
}

impl BlockDevice for Memory {
    fn sectors(&self) -> u64 {
        (self.bytes.len() / SECTOR) as u64
    }

    fn logical_block(&self) -> usize {
        self.logical_block.unwrap_or(SECTOR)
    }

    fn is_read_only(&self) -> bool {
        self.read_only
    }

    fn memory(&mut self) -> Option<&mut [u8]> {
        self.in_memory.then_some(&mut self.bytes)
    }

    fn read(&mut self, sector: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.reads += 1;
        assert!(sector.is_multiple_of(8) && bytes.len().is_multiple_of(SECTOR) && bytes.len() <= MAX_TRANSFER);
        if self.reads_fail {
            return Err(Error::Io);
        }
        bytes.copy_from_slice(&self.bytes[sector as usize * SECTOR..][..bytes.len()]);
        Ok(())
    }

    fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error> {
        assert!(sector.is_multiple_of(8) && bytes.len().is_multiple_of(SECTOR) && !self.read_only);
        self.change()?;
        self.bytes[sector as usize * SECTOR..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.flushes += 1;
        self.change()
    }

    fn discard(&mut self, sector: u64, count: u64) -> Result<u64, Error> {
        self.bytes[sector as usize * SECTOR..][..count as usize * SECTOR].fill(0xdd);
        self.discarded.push((sector, count));
        Ok(count)
    }
}

/// A machine with one disk.
struct Machine {
    disk: Memory,
    volume: Volume,
    files: OpenFiles,
}

fn mount(disk: &mut Memory) -> Result<Volume, Error> {
    mount_with(disk, 4)
}

/// Mounts the volume with a cache of few blocks, so that there is not room for everything.
fn mount_with(disk: &mut Memory, blocks: usize) -> Result<Volume, Error> {
    let partitions = find_partitions(disk)?;
    let (_, start, geometry) = find_volume(disk, &partitions)?;
    let cache = Cache::new(Box::leak(std::vec![0; blocks * BLOCK].into_boxed_slice()));
    let mut volume = Volume::new(cache, start, geometry);
    volume.mount(disk).map(|()| volume)
}

impl Machine {
    /// One that reads two blocks ahead.
    fn new(disk: Memory) -> Self {
        Self::with_blocks(disk, 10)
    }

    fn with_blocks(mut disk: Memory, blocks: usize) -> Self {
        let volume = mount_with(&mut disk, blocks).unwrap();
        Self { disk, volume, files: OpenFiles::new() }
    }

    fn open(&mut self, path: &str, mode: OpenMode) -> Result<i64, Error> {
        self.files.open(&mut self.volume, &mut self.disk, path.chars(), mode, NOW)
    }

    fn write(&mut self, handle: i64, bytes: &[u8]) -> Result<usize, Error> {
        self.files.write(&mut self.volume, &mut self.disk, handle, bytes, NOW)
    }

    fn read(&mut self, handle: i64, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = std::vec![0; length];
        let count = self.files.read(&mut self.volume, &mut self.disk, handle, &mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn seek(&mut self, handle: i64, to: SeekFrom) -> Result<u64, Error> {
        self.files.seek(&mut self.volume, &mut self.disk, handle, to)
    }

    fn close(&mut self, handle: i64) -> Result<(), Error> {
        self.files.close(&mut self.volume, &mut self.disk, handle)
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let handle = self.open(path, WRITE)?;
        let written =
            self.write(handle, bytes).and_then(|count| if count == bytes.len() { Ok(()) } else { Err(Error::NoSpace) });
        written.and(self.close(handle))
    }

    fn get(&mut self, path: &str) -> Result<Vec<u8>, Error> {
        let handle = self.open(path, READ)?;
        let content = self.read(handle, 32 << 20);
        self.close(handle)?;
        content
    }

    /// The same disk on another machine, which reads nothing ahead.
    fn again(self) -> Self {
        Self::with_blocks(self.disk, 4)
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 31 / 7) as u8).collect()
}

#[test]
fn what_is_written_is_there_on_the_next_machine() {
    for options in [(256, 12), (8 << 10, 16), (34 << 10, 32)] {
        let (kib, bits) = options;
        let kind = match bits {
            12 => lamfat::FatType::Fat12,
            16 => lamfat::FatType::Fat16,
            _ => lamfat::FatType::Fat32,
        };
        let format = FormatVolumeOptions::new().fat_type(kind).bytes_per_cluster(512);
        let mut machine = Machine::new(Memory::formatted(kib, format));
        let content = pattern(100_000);
        let before = machine.volume.space(&mut machine.disk).unwrap();
        machine.put("/Some file.bin", &content).unwrap();
        let after = machine.volume.space(&mut machine.disk).unwrap();
        assert_eq!(before.free - after.free, 100_000u64.next_multiple_of(512));
        let mut machine = machine.again();
        assert_eq!(machine.get("some FILE.bin").unwrap(), content, "FAT{bits}");
        assert_eq!(machine.volume.space(&mut machine.disk).unwrap(), after, "FAT{bits}");
    }
}

#[test]
fn a_disk_in_memory_is_one_like_others() {
    for kib in [64, 128, 2047, 2048, 8 << 10, 9 << 10, 64 << 10] {
        let memory = Box::leak(std::vec![0; kib << 10].into_boxed_slice());
        let mut disk = RamDisk::formatted(memory).unwrap();
        let mut machine = Machine::new({
            let mut bytes = std::vec![0; disk.sectors() as usize * SECTOR];
            for (block, bytes) in bytes.chunks_mut(BLOCK).enumerate() {
                disk.read(block as u64 * 8, bytes).unwrap();
            }
            Memory { bytes, ..Memory::default() }
        });
        let space = machine.volume.space(&mut machine.disk).unwrap();
        assert!(space.free == space.total && space.total > (kib as u64) << 9, "{kib} KiB: {space:?}");
        machine.put("file", &pattern(20_000)).unwrap();
        assert_eq!(machine.again().get("file").unwrap(), pattern(20_000), "{kib} KiB");
    }
    assert!(RamDisk::formatted(Box::leak(Box::new([0; BLOCK]))).is_err());
}

#[test]
fn a_directory_grows() {
    let mut machine = Machine::new(Memory::filled());
    let name = |number| std::format!("dir/a file with a name so long that it takes several entries {number}");
    for number in 0..100 {
        machine.put(&name(number), name(number).as_bytes()).unwrap();
    }
    let mut machine = machine.again();
    for number in 0..100 {
        assert_eq!(machine.get(&name(number)).unwrap(), name(number).as_bytes());
    }
}

#[test]
fn paths_lead_where_they_say() {
    let mut machine = Machine::new(Memory::filled());
    for path in
        ["/dir/a file with a long name", "dir//./a file with a long name", "/../x/../DIR/A FILE WITH A LONG NAME"]
    {
        assert_eq!(machine.get(path).unwrap(), pattern(20_000), "{path}");
    }
    for (path, mode, error) in [
        ("/", READ, Error::IsDirectory),
        ("/dir", READ, Error::IsDirectory),
        ("/dir/..", WRITE, Error::IsDirectory),
        ("", READ, Error::NotFound),
        ("/missing", READ, Error::NotFound),
        ("/missing", UPDATE, Error::NotFound),
        ("/missing/file", WRITE, Error::NotFound),
        ("/top/file", WRITE, Error::NotDirectory),
        ("/a:b", WRITE, Error::BadName),
        ("/\u{e4}", WRITE, Error::BadName),
    ] {
        assert_eq!(machine.open(path, mode), Err(error), "{path}");
    }
    let long = "n".repeat(256);
    assert_eq!(machine.open(&long, WRITE), Err(Error::NameTooLong));
    machine.put(&long[..200], b"long").unwrap();
    machine.put("dir/\u{7e}\u{e4}\u{4e00}.text", b"letters").unwrap();
    let mut machine = machine.again();
    assert_eq!(machine.get(&long[..200]).unwrap(), b"long");
    assert_eq!(machine.get("dir/\u{7e}\u{e4}\u{4e00}.text").unwrap(), b"letters");
}

/// Writes two files of so many bytes in turns, so that neither has clusters in a row, and reads the first. Returns the disk's
/// requests for each, and for reads in places all over it.
fn requests(length: usize) -> [u32; 3] {
    const PIECE: usize = 4096;
    const CACHE: usize = 40;
    let format = FormatVolumeOptions::new().bytes_per_cluster(512);
    let mut machine = Machine::with_blocks(Memory::formatted(4 << 10, format), CACHE);
    let content = pattern(length);
    let handles = ["one", "other"].map(|name| machine.open(name, WRITE).unwrap());
    for piece in content.chunks(PIECE) {
        for handle in handles {
            assert_eq!(machine.write(handle, piece), Ok(piece.len()));
        }
    }
    handles.iter().for_each(|handle| machine.close(*handle).unwrap());
    let written = machine.disk.reads + machine.disk.writes;

    let mut machine = Machine::with_blocks(machine.disk, CACHE);
    let handle = machine.open("one", READ).unwrap();
    machine.disk.reads = 0;
    for piece in content.chunks(PIECE) {
        assert_eq!(machine.read(handle, PIECE).unwrap(), piece);
    }
    let in_order = machine.disk.reads;
    machine.disk.reads = 0;
    for number in 0..1000 {
        let place = number * 7919 * 512 % (length - PIECE);
        machine.seek(handle, SeekFrom::Start(place as u64)).unwrap();
        assert_eq!(machine.read(handle, PIECE).unwrap(), content[place..place + PIECE]);
    }
    [written, in_order, machine.disk.reads]
}

#[test]
fn a_file_costs_requests_as_it_has_bytes() {
    let [small, large] = [256 << 10, 1 << 20].map(requests);
    assert!(large[0] < 5 * small[0] && large[1] < 5 * small[1], "{small:?} {large:?}");
    // A piece lies in one or two blocks, and the table of a megabyte in few.
    assert!(large[2] < 3000, "{large:?}");
}

#[test]
fn a_disk_is_read_ahead_where_a_file_has_clusters_in_a_row() {
    let mut machine = Machine::new(Memory::formatted(4 << 10, FormatVolumeOptions::new()));
    machine.put("file", &pattern(1 << 20)).unwrap();
    let mut machine = Machine::with_blocks(machine.disk, 40);
    let handle = machine.open("file", READ).unwrap();
    machine.disk.reads = 0;
    for piece in pattern(1 << 20).chunks(1000) {
        assert_eq!(machine.read(handle, 1000).unwrap(), piece);
    }
    // 256 blocks, eight in a request, and the table.
    assert!((32..40).contains(&machine.disk.reads), "{}", machine.disk.reads);
}

#[test]
fn what_was_read_ahead_is_never_older_than_what_was_written() {
    let mut machine = Machine::new(Memory::small());
    machine.put("file", &pattern(200_000)).unwrap();
    let handle = machine.open("file", UPDATE).unwrap();
    // Two blocks are read, and the second is written. Then it leaves the cache, because many others are written.
    machine.read(handle, 100).unwrap();
    machine.seek(handle, SeekFrom::Start(5000)).unwrap();
    machine.write(handle, b"new").unwrap();
    for block in 5..45 {
        machine.seek(handle, SeekFrom::Start(block * 4096)).unwrap();
        machine.write(handle, b"other").unwrap();
    }
    machine.seek(handle, SeekFrom::Start(5000)).unwrap();
    assert_eq!(machine.read(handle, 3).unwrap(), b"new");
}

#[test]
fn a_handle_is_given_once_and_there_are_only_so_many() {
    let mut machine = Machine::new(Memory::filled());
    let handles: Vec<_> = (0..16).map(|_| machine.open("top", READ).unwrap()).collect();
    assert_eq!(machine.open("top", READ), Err(Error::TooManyOpen));
    machine.close(handles[3]).unwrap();
    assert_eq!(machine.open("top", READ), Ok(handles[15] + 1));
    assert!(!machine.files.is_open(handles[3]));
    assert_eq!(machine.write(handles[0], b"x"), Err(Error::NotOpenForWriting));
}

#[test]
fn two_handles_of_a_file_see_the_same() {
    let mut machine = Machine::new(Memory::filled());
    let (reader, writer) = (machine.open("top", READ).unwrap(), machine.open("TOP", UPDATE).unwrap());
    assert_eq!(machine.read(reader, 2).unwrap(), b"on");
    machine.write(writer, b"ON TOP of it").unwrap();
    assert_eq!(machine.read(reader, 100).unwrap(), b" TOP of it");
    let appender = machine.open("top", APPEND).unwrap();
    machine.seek(appender, SeekFrom::Start(0)).unwrap();
    machine.write(appender, b" all").unwrap();
    assert_eq!(machine.read(reader, 100).unwrap(), b" all");
    // Emptied under the others' hands.
    machine.open("top", WRITE).unwrap();
    assert_eq!(machine.read(reader, 100).unwrap(), b"");
    machine.write(writer, b"!").unwrap();
    assert_eq!(machine.get("top").unwrap(), b"\0\0\0\0\0\0\0\0\0\0\0\0!");
}

#[test]
fn a_full_disk_takes_what_fits_and_says_so() {
    let mut machine = Machine::new(Memory::small());
    let free = machine.volume.space(&mut machine.disk).unwrap().free as usize;
    let handle = machine.open("big", WRITE).unwrap();
    assert_eq!(machine.write(handle, &pattern(free + 1)), Ok(free));
    assert_eq!(machine.write(handle, b"x"), Err(Error::NoSpace));
    machine.close(handle).unwrap();
    assert_eq!(machine.put("other", b"x"), Err(Error::NoSpace));
    assert_eq!(machine.get("big").unwrap(), pattern(free));
    // Zeros up to a position that there is no room for.
    let handle = machine.open("far", WRITE).unwrap();
    machine.seek(handle, SeekFrom::Start(1 << 30)).unwrap();
    assert_eq!(machine.write(handle, b"x"), Err(Error::NoSpace));
    machine.seek(handle, SeekFrom::Start(1 << 32)).unwrap();
    assert_eq!(machine.write(handle, b"x"), Err(Error::TooLarge));
}

#[test]
fn a_read_only_disk_is_read() {
    let mut machine = Machine::new(Memory { read_only: true, ..Memory::filled() });
    for (path, mode) in [("new", WRITE), ("top", WRITE), ("top", APPEND), ("top", UPDATE)] {
        assert_eq!(machine.open(path, mode), Err(Error::ReadOnly));
    }
    assert_eq!(machine.get("top").unwrap(), b"on top");
    assert_eq!(machine.volume.trim(&mut machine.disk, 0), Err(Error::ReadOnly));
    machine.volume.rest(&mut machine.disk).unwrap();
    assert_eq!(machine.disk.writes, 0);
}

#[test]
fn a_volume_is_noted_as_in_use_from_the_first_write_until_it_rests() {
    let mut machine = Machine::new(Memory::filled());
    let in_use = |machine: &Machine| machine.disk.bytes[0x25] & 1 != 0;
    machine.get("top").unwrap();
    assert_eq!((in_use(&machine), machine.disk.writes), (false, 0));
    machine.put("top", b"new").unwrap();
    assert!(in_use(&machine));
    machine.volume.rest(&mut machine.disk).unwrap();
    assert!(!in_use(&machine));
    let (writes, handle) = (machine.disk.writes, machine.open("top", UPDATE).unwrap());
    machine.close(handle).unwrap();
    machine.volume.rest(&mut machine.disk).unwrap();
    assert_eq!(machine.disk.writes, writes, "nothing was written, so nothing is");
    // One that was left in use stays so until somebody repairs it.
    machine.disk.bytes[0x25] |= 1;
    let mut machine = machine.again();
    machine.put("top", b"newer").unwrap();
    machine.volume.rest(&mut machine.disk).unwrap();
    assert!(in_use(&machine));
}

#[test]
fn trimming_gives_back_what_is_free_and_nothing_else() {
    let mut machine = Machine::new(Memory::filled());
    machine.put("new", &pattern(50_000)).unwrap();
    let free = machine.volume.space(&mut machine.disk).unwrap().free;
    assert_eq!(machine.volume.trim(&mut machine.disk, free + 1), Ok(0));
    assert_eq!(machine.volume.trim(&mut machine.disk, 0), Ok(free));
    let mut machine = machine.again();
    assert_eq!(machine.get("new").unwrap(), pattern(50_000));
    assert_eq!(machine.get("dir/a file with a long name").unwrap(), pattern(20_000));
}

/// Writes two files, over and over, and closes the first one; gives its content.
fn busy(machine: &mut Machine) -> Result<(), Error> {
    let handle = machine.open("dir/growing", APPEND)?;
    for round in 0..6 {
        machine.put("other", &pattern(3000 * (round % 3)))?;
        machine.write(handle, &pattern(9000))?;
        if round == 3 {
            machine.files.flush(&mut machine.volume, &mut machine.disk, handle)?;
        }
    }
    machine.close(handle)?;
    machine.volume.rest(&mut machine.disk)
}

#[test]
fn whenever_power_is_lost_files_closed_before_are_there() {
    let mut machine = Machine::new(Memory::filled());
    machine.put("dir/closed", &pattern(30_000)).unwrap();
    machine.volume.rest(&mut machine.disk).unwrap();
    let before = machine.disk;
    let mut machine = Machine::new(before.clone());
    busy(&mut machine).unwrap();
    let writes = machine.disk.writes - before.writes;
    assert!(writes > 20);
    for left in 0..writes {
        let mut machine = Machine::new(Memory { writes_left: Some(left), ..before.clone() });
        busy(&mut machine).unwrap_err();
        let mut machine = Machine::new(Memory { writes_left: None, ..machine.disk });
        assert_eq!(machine.get("dir/closed").unwrap(), pattern(30_000), "after {left} writes");
        assert_eq!(machine.get("dir/a file with a long name").unwrap(), pattern(20_000), "after {left} writes");
    }
}

#[test]
fn a_disk_that_fails_is_told_and_only_read_from_then_on() {
    let mut machine = Machine::new(Memory::filled());
    let handle = machine.open("dir/new", WRITE).unwrap();
    machine.write(handle, &pattern(5000)).unwrap();
    machine.disk.writes_left = Some(0);
    assert_eq!(machine.close(handle), Err(Error::Io));
    machine.disk.writes_left = None;
    assert_eq!(machine.open("dir/new", WRITE), Err(Error::ReadOnly));
    assert_eq!(machine.get("top").unwrap(), b"on top");
    assert_eq!(machine.volume.rest(&mut machine.disk), Err(Error::Io));
    machine.disk.reads_fail = true;
    assert_eq!(machine.get("dir/a file with a long name"), Err(Error::Io));
}

#[derive(Clone, Debug)]
enum Step {
    Open(usize, OpenMode),
    Write(usize, usize),
    Read(usize, usize),
    Seek(usize, u64),
    SeekBack(usize, i64),
    Close(usize),
    Rest,
}

const PATHS: [&str; 4] = ["one", "Two.with.a.long.name", "dir/three", "top"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mode = (prop_oneof![Just(Access::Read), Just(Access::Write), Just(Access::Append)], any::<bool>());
    let mode = mode.prop_map(|(access, update)| OpenMode { access, update });
    let handle = || 0..6usize;
    let step = prop_oneof![
        3 => (0..PATHS.len(), mode).prop_map(|(path, mode)| Step::Open(path, mode)),
        4 => (handle(), 0..9000usize).prop_map(|(handle, length)| Step::Write(handle, length)),
        4 => (handle(), 0..9000usize).prop_map(|(handle, length)| Step::Read(handle, length)),
        2 => (handle(), 0..20_000u64).prop_map(|(handle, to)| Step::Seek(handle, to)),
        1 => (handle(), -6000..100i64).prop_map(|(handle, by)| Step::SeekBack(handle, by)),
        2 => handle().prop_map(Step::Close),
        1 => Just(Step::Rest),
    ];
    prop::collection::vec(step, 1..60)
}

/// A file as it should be.
struct Modelled {
    handle: i64,
    path: usize,
    mode: OpenMode,
    position: usize,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn files_are_what_a_model_says(steps in steps(), in_memory in any::<bool>(), blocks in 4..12_usize) {
        let mut machine = Machine::new(Memory::formatted(1024, FormatVolumeOptions::new().bytes_per_cluster(512)));
        {
            let files = FileSystem::new(Formatted { memory: &mut machine.disk.bytes, position: 0 }, FsOptions::new()).unwrap();
            files.root_dir().create_dir("dir").unwrap();
        }
        machine.disk.in_memory = in_memory;
        let mut machine = Machine::with_blocks(machine.disk, blocks);
        let mut contents = BTreeMap::<usize, Vec<u8>>::new();
        let mut open = Vec::<Modelled>::new();
        for (round, step) in steps.into_iter().enumerate() {
            let nth = |open: &Vec<Modelled>, index: usize| (!open.is_empty()).then(|| index % open.len());
            match step {
                Step::Open(path, mode) if open.len() < 6 => {
                    let handle = machine.open(PATHS[path], mode);
                    match mode.access {
                        Access::Read if !contents.contains_key(&path) => {
                            prop_assert_eq!(handle, Err(Error::NotFound));
                            continue;
                        }
                        Access::Read => {}
                        Access::Write => _ = contents.insert(path, Vec::new()),
                        Access::Append => _ = contents.entry(path).or_default(),
                    }
                    open.push(Modelled { handle: handle.unwrap(), path, mode, position: 0 });
                }
                Step::Open(..) => {}
                Step::Write(index, length) => {
                    let Some(index) = nth(&open, index) else { continue };
                    let file = &mut open[index];
                    let bytes: Vec<u8> = (0..length).map(|place| (place + round) as u8).collect();
                    let written = machine.write(file.handle, &bytes);
                    if file.mode == READ {
                        prop_assert_eq!(written, Err(Error::NotOpenForWriting));
                        continue;
                    }
                    prop_assert_eq!(written, Ok(length));
                    let content = contents.get_mut(&file.path).unwrap();
                    let at = if file.mode.access == Access::Append { content.len() } else { file.position };
                    content.resize(content.len().max(at), 0);
                    let kept = content.len().min(at + length);
                    content.splice(at..kept, bytes);
                    file.position = at + length;
                }
                Step::Read(index, length) => {
                    let Some(index) = nth(&open, index) else { continue };
                    let file = &mut open[index];
                    let read = machine.read(file.handle, length);
                    if file.mode.access != Access::Read && !file.mode.update {
                        if length > 0 {
                            prop_assert_eq!(read, Err(Error::NotOpenForReading));
                        }
                        continue;
                    }
                    let content = &contents[&file.path];
                    let expected = content.get(file.position..).unwrap_or_default();
                    let expected = &expected[..expected.len().min(length)];
                    prop_assert_eq!(read.as_deref(), Ok(expected));
                    file.position += expected.len();
                }
                Step::Seek(index, to) => {
                    let Some(index) = nth(&open, index) else { continue };
                    prop_assert_eq!(machine.seek(open[index].handle, SeekFrom::Start(to)), Ok(to));
                    open[index].position = to as usize;
                }
                Step::SeekBack(index, by) => {
                    let Some(index) = nth(&open, index) else { continue };
                    let file = &mut open[index];
                    let expected = contents[&file.path].len() as i64 + by;
                    let sought = machine.seek(file.handle, SeekFrom::End(by));
                    match usize::try_from(expected) {
                        Ok(position) => {
                            prop_assert_eq!(sought, Ok(position as u64));
                            file.position = position;
                        }
                        Err(_) => prop_assert_eq!(sought, Err(Error::BadName)),
                    }
                }
                Step::Close(index) => {
                    let Some(index) = nth(&open, index) else { continue };
                    machine.close(open.remove(index).handle).unwrap();
                }
                Step::Rest => machine.volume.rest(&mut machine.disk).unwrap(),
            }
        }
        machine.volume.rest(&mut machine.disk).unwrap();
        let mut machine = machine.again();
        for (path, content) in contents {
            prop_assert_eq!(&machine.get(PATHS[path]).unwrap(), &content, "{}", PATHS[path]);
        }
    }

    #[test]
    fn a_file_of_any_name_is_refused_or_found_again(names in prop::collection::vec(".{0,20}|[a-c.~ ]{1,12}", 1..8)) {
        let mut machine = Machine::new(Memory::filled());
        let made: Vec<_> = names.iter().filter(|name| machine.put(name, name.as_bytes()).is_ok()).collect();
        let mut machine = machine.again();
        for name in made {
            prop_assert!(machine.get(name).is_ok(), "{:?} of {:?}", name, names);
        }
    }

    #[test]
    fn a_volume_made_to_do_damage_does_none(
        // Most of it where it matters: boot sector, table, root, a directory, its file.
        changes in prop::collection::vec((0..5usize, 0..256usize, any::<u8>()), 1..12),
        copies in any::<bool>(),
    ) {
        let mut disk = Memory::filled();
        let geometry = Geometry::parse(&disk.bytes, disk.sectors()).unwrap();
        let (table, root, data) = (geometry.table as usize, geometry.tables.1 as usize, geometry.data as usize);
        for (part, offset, byte) in changes {
            let place = [offset % 96, table + offset % 64, root + offset, data + offset, data + 4096 + offset][part];
            disk.bytes[place] = if copies { disk.bytes[place ^ 1] } else { byte };
        }
        abuse(disk);
    }
}

/// Does all that can be done with a disk, whatever comes of it.
fn abuse(mut disk: Memory) {
    let Ok(volume) = mount(&mut disk) else { return };
    let mut machine = Machine { disk, volume, files: OpenFiles::new() };
    let _ = machine.get("dir/a file with a long name");
    let _ = machine.get("top");
    let _ = machine.put("top", &pattern(5000));
    let _ = machine.put("dir/new", &pattern(5000));
    let _ = machine.put("another file with a long name", &pattern(5000));
    if let Ok(handle) = machine.open("dir/a file with a long name", UPDATE) {
        let _ = machine.seek(handle, SeekFrom::Start(15_000));
        let _ = machine.write(handle, &pattern(9000));
        let _ = machine.write(handle, &pattern(9000));
        let _ = machine.read(handle, 9000);
    }
    let _ = machine.volume.space(&mut machine.disk);
    let _ = machine.volume.trim(&mut machine.disk, 0);
    let _ = machine.volume.rest(&mut machine.disk);
}

#[test]
fn a_file_that_has_other_things_for_its_clusters_is_left_alone() {
    for (first_cluster, size) in [(1u16, 0u32), (1, 512), (0xfff, 512), (2, 1 << 30)] {
        let mut disk = Memory::filled();
        let entry = disk.bytes.windows(11).position(|name| name == b"TOP        ").unwrap();
        disk.bytes[entry + 26..entry + 28].copy_from_slice(&first_cluster.to_le_bytes());
        disk.bytes[entry + 28..entry + 32].copy_from_slice(&size.to_le_bytes());
        let before = disk.bytes.clone();
        let mut machine = Machine::new(disk);
        for mode in [READ, UPDATE, WRITE, APPEND] {
            assert_eq!(machine.open("top", mode), Err(Error::Corrupt), "{first_cluster}, {size}");
        }
        machine.volume.rest(&mut machine.disk).unwrap();
        assert!(machine.disk.bytes == before);
    }
}

#[test]
fn chains_and_directories_that_lead_back_come_to_an_end() {
    let mut disk = Memory::filled();
    let geometry = Geometry::parse(&disk.bytes, disk.sectors()).unwrap();
    // Cluster 2 is the directory's, 3 and more are the long file's: each leads to itself. FAT12.
    let table = geometry.table as usize;
    for (cluster, next) in [(2u32, 2u32), (3, 3)] {
        let at = table + (cluster + cluster / 2) as usize;
        let old = u16::from_le_bytes([disk.bytes[at], disk.bytes[at + 1]]);
        let new = if cluster % 2 == 0 { old & 0xf000 | next as u16 } else { old & 0xf | (next as u16) << 4 };
        disk.bytes[at..at + 2].copy_from_slice(&new.to_le_bytes());
    }
    // The directory is full, so that nothing ends it but its chain.
    let directory = geometry.data as usize;
    for entry in disk.bytes[directory..directory + geometry.cluster as usize].chunks_mut(32).skip(5) {
        entry.copy_from_slice(b"FULL    TXT\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    }
    let mut machine = Machine::new(disk);
    assert_eq!(machine.get("dir/missing"), Err(Error::Corrupt));
    assert_eq!(machine.put("dir/new", b""), Err(Error::Corrupt));
}
