//! Partition tables and FAT volumes, whatever a disk has on it: all that a host can do with files ends, without a panic.
#![no_main]

use std::cell::RefCell;

use embedded_io::SeekFrom;
use fuzz::disk::Disk;
use libfuzzer_sys::fuzz_target;
use storage::{Access, BLOCK, Cache, OpenFiles, OpenMode, Volume, find_partitions, find_volume};

const NOW: i64 = 1_700_000_000;
const PATHS: [&str; 4] = ["DIR/A FILE WITH A LONG NAME.TXT", "top", "new file", "dir/new"];
const MODES: [OpenMode; 3] = [
    OpenMode { access: Access::Read, update: true },
    OpenMode { access: Access::Append, update: true },
    OpenMode { access: Access::Write, update: false },
];
/// The most reads, writes and flushes of a disk. A chain or directory that leads back into itself is given up after some millions of
/// steps, of which the cache does not spare the disk all.
const MAX_CALLS: u64 = 20_000_000;

thread_local! {
    /// Kept from one input to the next, because their memory lives for ever.
    static CACHE: RefCell<Option<Cache>> = const { RefCell::new(None) };
    static FILES: RefCell<OpenFiles> = const { RefCell::new(OpenFiles::new()) };
}

fuzz_target!(|input: &[u8]| {
    let Some(mut disk) = Disk::parse(input) else { return };
    disk.correct_sums();
    let partitions = find_partitions(&mut disk).expect("the disk can be read");
    let Ok((_, start, geometry)) = find_volume(&mut disk, &partitions) else { return };
    let cache = CACHE.take().unwrap_or_else(|| Cache::new(vec![0; 4 * BLOCK].leak()));
    let mut volume = Volume::new(cache, start, geometry);
    if volume.mount(&mut disk).is_ok() {
        FILES.with_borrow_mut(|files| use_all(&mut volume, &mut disk, files));
    }
    CACHE.set(Some(volume.into_cache()));
    assert!(disk.calls < MAX_CALLS, "{} calls", disk.calls);
});

fn use_all(volume: &mut Volume, disk: &mut Disk, files: &mut OpenFiles) {
    let total = volume.space(disk).map_or(0, |space| space.total);
    for (path, mode) in PATHS.into_iter().flat_map(|path| MODES.map(|mode| (path, mode))) {
        let Ok(handle) = files.open(volume, disk, path.chars(), mode, NOW) else { continue };
        _ = files.read(volume, disk, handle, &mut [0; 3000]);
        _ = files.write(volume, disk, handle, &[7; 3000], NOW);
        _ = files.seek(volume, disk, handle, SeekFrom::End(1000));
        _ = files.write(volume, disk, handle, &[8; 100], NOW);
        _ = files.close(volume, disk, handle);
    }
    if let Ok(space) = volume.space(disk) {
        assert!(space.total == total && space.free <= total, "{space:?} of {total}");
    }
    _ = volume.trim(disk, 0);
    _ = volume.rest(disk);
}
