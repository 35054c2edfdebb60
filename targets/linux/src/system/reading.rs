//! What a file said when it was read last. Hosts ask often, and the file hardly ever changes.

use rustix::fs::stat;
use rustix::time::{ClockId, clock_gettime};

/// What was made of a file, or of a directory whose files are only ever replaced. It is kept as long as `stat` tells no change.
#[derive(Debug, Default)]
pub struct Reading<T> {
    of: Option<State>,
    said: T,
}

/// What differs between two states of a file: its device, inode, size, and when it was changed, in seconds and nanoseconds.
/// Each architecture has types of its own for them.
type State = (u64, u64, i64, (i64, i64));

/// For how many seconds a file may change again without another time of change: its clock only ticks.
const TICK: i64 = 2;

impl<T: Default> Reading<T> {
    /// What the first of `places` that is there says. `read` gets its path, unless it is as it was; where that fails, or no place is
    /// there, nothing is said.
    pub fn look(&mut self, places: &[&str], read: impl FnOnce(&str) -> Option<T>) -> &T {
        self.look_at(|| clock_gettime(ClockId::Realtime).tv_sec, places, read)
    }

    fn look_at(&mut self, now: impl FnOnce() -> i64, places: &[&str], read: impl FnOnce(&str) -> Option<T>) -> &T {
        if self.of.is_none() || first(places).map(|(_, state)| state) != self.of {
            // A change from here on is another state, if this one is old by now.
            let now = now();
            let found = first(places);
            let said = found.and_then(|(path, _)| read(path));
            self.of = found
                .filter(|_| said.is_some())
                .map(|(_, state)| state)
                .filter(|(.., (changed, _))| now - changed > TICK);
            self.said = said.unwrap_or_default();
        }
        &self.said
    }

    /// What it said when it was last looked at.
    pub const fn last(&self) -> &T {
        &self.said
    }
}

/// The first place that is there, and the state that it is in.
fn first<'a>(places: &[&'a str]) -> Option<(&'a str, State)> {
    places.iter().find_map(|place| {
        let file = stat(*place).ok()?;
        let changed = (file.st_ctime as _, file.st_ctime_nsec as _);
        Some((*place, (file.st_dev as _, file.st_ino as _, file.st_size as _, changed)))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::PathBuf;
    use std::string::String;

    use super::*;

    /// A time at which all states of files are old.
    const LATER: i64 = i64::MAX / 2;

    /// Two places in a folder of their own, and what is made of the first one that is there.
    struct Place {
        folder: PathBuf,
        reading: Reading<String>,
        reads: usize,
    }

    impl Place {
        fn new(test: &str) -> Self {
            let folder = std::env::temp_dir().join(std::format!("nanoqga-reading-{test}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self { folder, reading: Reading::default(), reads: 0 }
        }

        fn path(&self, name: &str) -> String {
            self.folder.join(name).to_str().unwrap().into()
        }

        /// Writes a file in place until its time of change is another one.
        fn write(&self, name: &str, text: &str) {
            let changed = || fs::metadata(self.path(name)).map(|file| (file.ctime(), file.ctime_nsec())).ok();
            let before = changed();
            while changed() == before {
                fs::write(self.path(name), text).unwrap();
            }
        }

        fn look_at(&mut self, now: i64) -> String {
            let (file, other) = (self.path("file"), self.path("other"));
            let read = |path: &str| {
                self.reads += 1;
                fs::read_to_string(path).ok()
            };
            self.reading.look_at(|| now, &[&file, &other], read).clone()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    #[test]
    fn a_file_that_does_not_change_is_read_once() {
        let mut place = Place::new("once");
        place.write("file", "one");
        for _ in 0..3 {
            assert_eq!(place.look_at(LATER), "one");
        }
        assert_eq!(place.reads, 1);
    }

    #[test]
    fn every_change_is_seen() {
        let mut place = Place::new("change");
        place.write("file", "one");
        assert_eq!(place.look_at(LATER), "one");
        place.write("file", "one, two");
        assert_eq!(place.look_at(LATER), "one, two");
        // As long as before.
        place.write("file", "two, one");
        assert_eq!(place.look_at(LATER), "two, one");
        fs::write(place.path("new"), "new, one").unwrap();
        fs::rename(place.path("new"), place.path("file")).unwrap();
        assert_eq!(place.look_at(LATER), "new, one");
    }

    #[test]
    fn a_file_that_vanished_says_nothing_and_another_place_is_read_instead() {
        let mut place = Place::new("gone");
        place.write("file", "one");
        assert_eq!(place.look_at(LATER), "one");
        fs::rename(place.path("file"), place.path("other")).unwrap();
        place.write("other", "two");
        assert_eq!(place.look_at(LATER), "two");
        place.write("file", "one");
        assert_eq!(place.look_at(LATER), "one");
        fs::remove_dir_all(&place.folder).unwrap();
        assert_eq!(place.look_at(LATER), "");
        assert_eq!(place.reading.last(), "");
    }

    #[test]
    fn a_state_that_is_young_is_not_relied_on() {
        let mut place = Place::new("young");
        place.write("file", "one");
        let (_, (.., (changed, _))) = first(&[&place.path("file")]).unwrap();
        // Its clock may not have ticked when it is written again.
        for now in [changed - 100, changed, changed + TICK] {
            place.look_at(now);
        }
        assert_eq!(place.reads, 3);
        place.look_at(changed + TICK + 1);
        place.look_at(changed);
        assert_eq!(place.reads, 4);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_tried_again() {
        let mut place = Place::new("unread");
        fs::create_dir(place.path("file")).unwrap();
        assert_eq!((place.look_at(LATER).as_str(), place.look_at(LATER).as_str()), ("", ""));
        assert_eq!(place.reads, 2);
    }
}
