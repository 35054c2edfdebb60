//! What a host sets on drives and in tables, whatever is in them: reading it ends, without a panic, and says nothing longer than a
//! line.
#![no_main]

use config::drive::{self, Files};
use config::iso::{self, Blocks};
use config::{Kind, Sink, document, smbios, words};
use libfuzzer_sys::fuzz_target;

/// Where the descriptors of a volume begin, in blocks. An input of a volume has nothing before them.
const FIRST: u32 = 16;
const PATHS: [&str; 3] = ["meta-data", "openstack/latest/meta_data.json", "user-data"];
/// The most blocks of a folder that are read for a name, of those that a path has at most, and of two roots.
const MAX_READS: u32 = 2 * 3 * 2048 + 100;

/// Counts what is said.
#[derive(Default)]
struct Said {
    words: usize,
    rest: usize,
}

impl Sink for Said {
    fn word(&mut self, word: &str) {
        self.words += 1;
        assert!(!word.is_empty());
    }

    fn unused(&mut self, _: &'static str, line: u32, key: &str) {
        assert!(line > 0 && key.len() <= 64);
        self.rest += 1;
    }

    fn refused(&mut self, _: &'static str, _: u32, reason: &'static str) {
        assert!(!reason.is_empty());
        self.rest += 1;
    }
}

/// A drive whose files all have the same content.
struct Same<'c>(&'c [u8]);

impl Files for Same<'_> {
    fn read(&mut self, _: &str, into: &mut [u8]) -> Result<usize, &'static str> {
        into.get_mut(..self.0.len()).ok_or("it is too large")?.copy_from_slice(self.0);
        Ok(self.0.len())
    }
}

struct Disk<'c>(&'c [u8], u32);

impl Blocks for Disk<'_> {
    fn read(&mut self, block: u32, into: &mut [u8; iso::BLOCK]) -> bool {
        self.1 += 1;
        let Some(start) = block.checked_sub(FIRST).and_then(|block| (block as usize).checked_mul(iso::BLOCK)) else {
            return false;
        };
        let Some(bytes) = self.0.get(start..) else { return false };
        let length = bytes.len().min(iso::BLOCK);
        into.fill(0);
        into[..length].copy_from_slice(&bytes[..length]);
        length > 0
    }
}

fuzz_target!(|input: &[u8]| {
    // The first byte says what the others are.
    let Some((kind, bytes)) = input.split_first() else { return };
    let mut said = Said::default();
    match kind % 4 {
        0 => {
            for kind in [Kind::NoCloud, Kind::ConfigDrive] {
                drive::read(kind, &mut Same(bytes), &mut [0; 16 << 10], &mut said);
            }
            assert!(said.words + said.rest <= 6 * (bytes.len() + 4), "more is said than there is");
        }
        1 => {
            if let Ok(text) = str::from_utf8(bytes) {
                let mut values = 0;
                _ = document::read(text, &mut |leaf| {
                    assert!(leaf.path.len() <= document::MAX_DEPTH && leaf.value.len() <= text.len());
                    values += 1;
                });
                assert!(values <= text.len());
            }
        }
        2 => {
            smbios::read(bytes, &mut said);
            smbios::entry_point(bytes);
            words::read(bytes, &mut said);
        }
        _ => {
            let mut disk = Disk(bytes, 0);
            let Some(volume) = iso::Volume::find(&mut disk) else { return };
            for path in PATHS {
                disk.1 = 0;
                let mut room = [0; 8 << 10];
                if let Ok(size) = volume.read(&mut disk, path, &mut room) {
                    assert!(size <= room.len());
                }
                assert!(disk.1 <= MAX_READS, "{} reads", disk.1);
            }
        }
    }
});
