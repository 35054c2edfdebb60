//! A machine that does a workload on a disk, and a model of what it has promised.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, anyhow, ensure};
use embedded_io::SeekFrom;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use storage::{
    Access, BLOCK, BlockDevice, Cache, Error, OpenFiles, OpenMode, SECTOR, Volume, find_partitions, find_volume,
};
use tests::disk::Disk;

const NOW: i64 = 1_700_000_000;
const PATHS: [&str; 4] = ["one", "Two with a long name.text", "dir/three", "dir/Four with a long name"];
const MAX_OPEN: usize = 4;

/// The blocks of a cache that has not room for all that is written.
const FEW: usize = 10;

/// A disk that keeps its writes in their order, and may fail once.
#[derive(Clone, Default)]
pub struct Logged {
    pub bytes: Vec<u8>,
    pub log: Vec<(usize, Vec<u8>)>,
    /// How often it was asked for anything.
    pub requests: usize,
    /// The number of the request that fails.
    pub fails: Option<usize>,
}

impl Logged {
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), ..Self::default() }
    }

    fn request(&mut self) -> Result<(), Error> {
        self.requests += 1;
        if self.fails == Some(self.requests) { Err(Error::Io) } else { Ok(()) }
    }
}

impl BlockDevice for Logged {
    fn sectors(&self) -> u64 {
        (self.bytes.len() / SECTOR) as u64
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read(&mut self, sector: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.request()?;
        bytes.copy_from_slice(&self.bytes[sector as usize * SECTOR..][..bytes.len()]);
        Ok(())
    }

    fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error> {
        let at = sector as usize * SECTOR;
        if let Err(error) = self.request() {
            // A part of it was written all the same.
            self.bytes[at..][..SECTOR].copy_from_slice(&bytes[..SECTOR]);
            return Err(error);
        }
        self.bytes[at..][..bytes.len()].copy_from_slice(bytes);
        self.log.push((at, bytes.to_vec()));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.request()
    }

    fn discard(&mut self, _: u64, _: u64) -> Result<u64, Error> {
        Err(Error::Unsupported)
    }
}

/// A step of a workload. The first number of most is that of an open file.
#[derive(Clone, Debug)]
pub enum Step {
    Open(usize, OpenMode),
    Write(usize, usize),
    Seek(usize, u64),
    Flush(usize),
    Close(usize),
    Rest,
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mode = (prop_oneof![Just(Access::Read), Just(Access::Write), Just(Access::Append)], any::<bool>());
    let mode = mode.prop_map(|(access, update)| OpenMode { access, update });
    let step = prop_oneof![
        4 => (0..PATHS.len(), mode).prop_map(|(path, mode)| Step::Open(path, mode)),
        6 => (0..MAX_OPEN, 0..12_000_usize).prop_map(|(file, length)| Step::Write(file, length)),
        1 => (0..MAX_OPEN, 0..20_000_u64).prop_map(|(file, to)| Step::Seek(file, to)),
        1 => (0..MAX_OPEN).prop_map(Step::Flush),
        3 => (0..MAX_OPEN).prop_map(Step::Close),
        1 => Just(Step::Rest),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a file must have, whenever power is lost.
#[derive(Clone, Debug, Default)]
pub struct Promise {
    /// `None`: a byte that was written again, which nobody has acknowledged.
    bytes: Vec<Option<u8>>,
    /// Whether it has no more bytes than these.
    is_whole: bool,
}

impl Promise {
    fn of(content: &[u8]) -> Self {
        Self { bytes: content.iter().copied().map(Some).collect(), is_whole: true }
    }

    fn is_kept_by(&self, content: &[u8]) -> bool {
        let has_bytes = content.len() >= self.bytes.len();
        let is_same = |(promised, found): (&Option<u8>, &u8)| promised.is_none_or(|promised| promised == *found);
        has_bytes
            && (!self.is_whole || content.len() == self.bytes.len())
            && self.bytes.iter().zip(content).all(is_same)
    }
}

/// The promises of all files, by the numbers of their paths.
pub type Promises = BTreeMap<usize, Promise>;

/// The values of the bytes that were written to each file.
pub type Written = [BTreeSet<u8>; PATHS.len()];

/// An open file.
struct Open {
    handle: i64,
    path: usize,
    mode: OpenMode,
    position: usize,
}

impl Open {
    fn writes(&self) -> bool {
        self.mode.access != Access::Read || self.mode.update
    }
}

/// A machine that does a workload, and a model of what it has promised.
pub struct Machine {
    pub disk: Logged,
    volume: Volume,
    files: OpenFiles,
    open: Vec<Open>,
    contents: BTreeMap<usize, Vec<u8>>,
    /// What was ever written to each file.
    pub written: Written,
    pub promises: Promises,
    /// What was promised from so many writes on.
    pub moments: Vec<(usize, Promises)>,
}

fn mount(disk: &mut Logged) -> Result<Volume, Error> {
    let partitions = find_partitions(disk)?;
    let (_, start, geometry) = find_volume(disk, &partitions)?;
    let memory = vec![0; FEW * BLOCK].leak();
    let mut volume = Volume::new(Cache::new(memory), start, geometry);
    volume.mount(disk).map(|()| volume)
}

impl Machine {
    pub fn new(mut disk: Logged) -> Result<Self> {
        let volume = mount(&mut disk)?;
        let (files, open, contents) = (OpenFiles::new(), Vec::new(), BTreeMap::new());
        let (written, promises, moments) = (Written::default(), Promises::new(), vec![(0, Promises::new())]);
        Ok(Self { disk, volume, files, open, contents, written, promises, moments })
    }

    /// Does a step. What it takes back is no longer promised when it begins, what it acknowledges is promised when it has ended.
    pub fn step(&mut self, number: usize, step: &Step) -> Result<()> {
        match *step {
            Step::Open(path, mode) => self.open(path, mode),
            Step::Write(file, length) => self.write(file, &vec![number as u8 + 1; length]),
            Step::Seek(file, to) => self.seek(file, to),
            Step::Flush(file) => self.flush(file),
            Step::Close(file) => self.close(file),
            Step::Rest => {
                self.volume.rest(&mut self.disk)?;
                let paths: Vec<_> = self.contents.keys().copied().collect();
                paths.into_iter().for_each(|path| self.acknowledge(path));
                Ok(())
            }
        }
    }

    fn open(&mut self, path: usize, mode: OpenMode) -> Result<()> {
        if self.open.len() == MAX_OPEN || mode.access == Access::Read && !self.contents.contains_key(&path) {
            return Ok(());
        }
        if mode.access == Access::Write {
            self.contents.insert(path, Vec::new());
            if let Some(promise) = self.promises.get_mut(&path) {
                *promise = Promise::default();
                self.has_promised();
            }
        }
        let name = PATHS[path].chars();
        let handle = self.files.open(&mut self.volume, &mut self.disk, name, mode, NOW)?;
        self.contents.entry(path).or_default();
        self.open.push(Open { handle, path, mode, position: 0 });
        Ok(())
    }

    fn write(&mut self, file: usize, bytes: &[u8]) -> Result<()> {
        // What a full disk leaves of a file is not modelled.
        let room = self.volume.space(&mut self.disk)?.free as usize;
        let Some(file) = self.open.get_mut(file).filter(|file| file.writes() && !bytes.is_empty()) else {
            return Ok(());
        };
        if file.position + bytes.len() + BLOCK > room {
            return Ok(());
        }
        let content = self.contents.entry(file.path).or_default();
        let at = if file.mode.access == Access::Append { content.len() } else { file.position };
        let end = at + bytes.len();
        let gap = (at > content.len()).then_some(0);
        self.written[file.path].extend(gap.iter().chain(bytes));
        content.resize(content.len().max(end), 0);
        content[at..end].copy_from_slice(bytes);
        file.position = end;
        if let Some(promise) = self.promises.get_mut(&file.path) {
            promise.is_whole = false;
            promise.bytes.iter_mut().take(end).skip(at).for_each(|byte| *byte = None);
        }
        let handle = file.handle;
        self.has_promised();
        let written = self.files.write(&mut self.volume, &mut self.disk, handle, bytes, NOW)?;
        ensure!(written == bytes.len(), "only {written} of {} bytes were written", bytes.len());
        Ok(())
    }

    fn seek(&mut self, file: usize, to: u64) -> Result<()> {
        let Some(file) = self.open.get_mut(file) else { return Ok(()) };
        self.files.seek(&mut self.volume, &mut self.disk, file.handle, SeekFrom::Start(to))?;
        file.position = to as usize;
        Ok(())
    }

    fn flush(&mut self, file: usize) -> Result<()> {
        let Some(&Open { handle, path, .. }) = self.open.get(file).filter(|file| file.writes()) else { return Ok(()) };
        self.files.flush(&mut self.volume, &mut self.disk, handle)?;
        self.acknowledge(path);
        Ok(())
    }

    fn close(&mut self, file: usize) -> Result<()> {
        if file >= self.open.len() {
            return Ok(());
        }
        let file = self.open.remove(file);
        self.files.close(&mut self.volume, &mut self.disk, file.handle)?;
        if file.writes() {
            self.acknowledge(file.path);
        }
        Ok(())
    }

    fn acknowledge(&mut self, path: usize) {
        self.promises.insert(path, Promise::of(&self.contents[&path]));
        self.has_promised();
    }

    fn has_promised(&mut self) {
        self.moments.push((self.disk.log.len(), self.promises.clone()));
    }
}

/// A volume of small clusters, with an empty folder. Those that are free have bytes of a file that was there before.
pub fn volume(bits: u32, kib: u64) -> Result<Disk> {
    let disk = Disk::blank(kib)?;
    disk.run("mkfs.fat", &["-F", &bits.to_string(), "-s", "1", "@"])?;
    disk.run("mmd", &["-i", "@", "::dir"])?;
    disk.put("before", &vec![0xff; (kib as usize) << 9])?;
    disk.run("mdel", &["-i", "@", "::before"])?;
    Ok(disk)
}

/// The files of a disk are as was promised, and none has bytes of another one.
pub fn keeps(bytes: Vec<u8>, promises: &Promises, written: &Written) -> Result<()> {
    let mut disk = Logged { bytes, ..Logged::default() };
    let (mut volume, mut files) = (mount(&mut disk)?, OpenFiles::new());
    for (path, written) in written.iter().enumerate() {
        let mode = OpenMode { access: Access::Read, update: false };
        let promise = promises.get(&path);
        let handle = match files.open(&mut volume, &mut disk, PATHS[path].chars(), mode, NOW) {
            Err(Error::NotFound) if promise.is_none() => continue,
            other => other.context(PATHS[path])?,
        };
        let mut content = vec![0; 1 << 20];
        let count = files.read(&mut volume, &mut disk, handle, &mut content).context(PATHS[path])?;
        content.truncate(count);
        ensure!(
            promise.is_none_or(|promise| promise.is_kept_by(&content)),
            "{} has {count} bytes, and not what was promised: {promise:?}",
            PATHS[path],
        );
        let foreign = content.iter().position(|byte| !written.contains(byte));
        ensure!(foreign.is_none(), "byte {foreign:?} of {} was never written to it", PATHS[path]);
    }
    Ok(())
}

/// Tries a fault on random workloads on volumes of each kind, of which there are `workloads` in all.
pub fn try_on_all(workloads: u32, fault: impl Fn(&[u8], &Disk, &[Step]) -> Result<()>) -> Result<()> {
    // On the smallest, clusters are soon used again. FAT32 volumes are large, so there are few of them.
    for (bits, kib, cases) in [
        (12, 64, workloads / 2),
        (12, 256, workloads / 5),
        (16, 4 << 10, workloads / 4),
        (32, 34 << 10, workloads / 20),
    ] {
        let disk = volume(bits, kib)?;
        let before = fs::read(disk.path())?;
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let run = runner.run(&steps(), |steps| {
            fault(&before, &disk, &steps).map_err(|error| TestCaseError::fail(format!("{error:#}")))
        });
        run.map_err(|error| anyhow!("FAT{bits}: {error}"))?;
    }
    Ok(())
}
