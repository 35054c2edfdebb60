//! Reads and writes of open files along their chains of clusters.
//!
//! The FAT crate follows a file's chain from its beginning in each request, so a file cost the square of its length. A trail
//! remembers where the chain was. It is good until anything else changes files or directories.

use heapless::Vec;

use super::access::{Access, State};
use super::now::Now;
use crate::boot_sector::{FIRST_CLUSTER, Geometry};
use crate::disk::{BlockDevice, MAX_TRANSFER};
use crate::error::Error;
use crate::little_endian::{u16_at, u32_at};
use crate::table::next_in_chain;

/// The number of clusters in a chain that a trail remembers.
const MARKS: usize = 64;
/// The size of a directory entry.
const ENTRY: usize = 32;

/// Where a file's bytes are.
#[derive(Clone, Debug)]
pub struct Trail {
    /// The number of changes to the volume by then.
    changes: u64,
    /// The file's size in bytes.
    size: u64,
    /// Where its directory entry is, if that is known.
    entry: Option<u64>,
    first: u32,
    /// The clusters at every index that is a multiple of two to the power of `spacing`, but 0.
    marks: Vec<u32, MARKS>,
    spacing: u32,
    /// Where the file was used last: the index of a cluster in the chain, and the cluster.
    last: (u32, u32),
    /// Where the last read ended: one that begins there is probably not the last.
    read_to: u64,
}

impl Trail {
    /// A trail of a file whose first cluster begins at byte `first` of the volume.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if there is no such cluster.
    pub(super) fn new(
        geometry: &Geometry,
        changes: u64,
        size: u64,
        first: u64,
        entry: Option<u64>,
    ) -> Result<Self, Error> {
        let (index, _) = geometry.split(first.checked_sub(geometry.data).ok_or(Error::Corrupt)?);
        let first = index.saturating_add(FIRST_CLUSTER);
        geometry.place(first)?;
        Ok(Self { changes, size, entry, first, marks: Vec::new(), spacing: 0, last: (0, first), read_to: 0 })
    }

    /// The cluster at `index`. With `extend`, the chain may end right before it, and gets a cluster more.
    fn cluster(
        &mut self,
        access: &mut Access<'_>,
        geometry: &Geometry,
        index: u32,
        extend: bool,
    ) -> Result<u32, Error> {
        let mark = (index >> self.spacing).min(self.marks.len() as u32);
        let marked = mark.checked_sub(1).and_then(|mark| self.marks.get(mark as usize));
        let marked = marked.map_or((0, self.first), |&cluster| (mark << self.spacing, cluster));
        let (mut at, mut cluster) = if (marked.0..=index).contains(&self.last.0) { self.last } else { marked };
        while at < index {
            cluster = match next_in_chain(access, geometry, cluster)? {
                Some(next) => next,
                None if extend && at + 1 == index => access.add_cluster(cluster)?,
                None => return Err(Error::Corrupt),
            };
            at += 1;
            self.mark(at, cluster);
        }
        self.last = (at, cluster);
        Ok(cluster)
    }

    /// Remembers a cluster, if its index is the next one to be remembered.
    fn mark(&mut self, index: u32, cluster: u32) {
        if index != (self.marks.len() as u32 + 1) << self.spacing {
            return;
        }
        if self.marks.push(cluster).is_err() {
            // Only every other one from now on.
            let mut keep = true;
            self.marks.retain(|_| {
                keep = !keep;
                keep
            });
            self.spacing += 1;
        }
    }

    /// Whether the entry on the volume says the same of the file.
    fn is_in_entry(&self, entry: &[u8; ENTRY]) -> bool {
        let [high, low] = [20, 26].map(|at| u16_at(entry, at).unwrap_or(0));
        let first = u32::from(high) << 16 | u32::from(low);
        // A volume with narrow entries has something else in the upper half.
        let is_first = first == self.first || u32::from(low) == self.first;
        is_first && u32_at(entry, 28).map(u64::from) == Some(self.size)
    }
}

impl Trail {
    /// Whether nothing has changed since.
    pub(super) const fn is_good(&self, volume: &State) -> bool {
        self.changes == volume.changes
    }

    /// Reads the file from byte `position` on. Fills `into` unless the file ends before. Returns how many bytes were read.
    ///
    /// # Errors
    /// If the first byte cannot be read.
    pub(super) fn read(
        &mut self,
        volume: &mut State,
        device: &mut dyn BlockDevice,
        position: u64,
        into: &mut [u8],
    ) -> Result<usize, Error> {
        let geometry = volume.geometry;
        let length = into.len().min(usize::try_from(self.size.saturating_sub(position)).unwrap_or(usize::MAX));
        let in_order = self.read_to == position;
        let mut access = Access::new(volume, device);
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..length).filter(|rest| !rest.is_empty()) {
            let wanted = if in_order { MAX_TRANSFER } else { rest.len() };
            match read_cluster(&mut access, &geometry, self, position + done as u64, rest, wanted) {
                Ok(count) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        self.read_to = position + done as u64;
        Ok(done)
    }

    /// Writes at byte `position` of the file, or at its end. Returns how many bytes, and the position after them. `None`: the FAT
    /// crate has to.
    ///
    /// # Errors
    /// If the first byte cannot be written.
    pub(super) fn write(
        &mut self,
        volume: &mut State,
        device: &mut dyn BlockDevice,
        position: Option<u64>,
        bytes: &[u8],
        now: Now,
    ) -> Result<Option<(usize, u64)>, Error> {
        let (Some(place), position) = (self.entry, position.unwrap_or(self.size)) else { return Ok(None) };
        let end = position.saturating_add(bytes.len() as u64);
        if position > self.size || end >= u32::MAX.into() || bytes.is_empty() {
            return Ok(None);
        }
        let geometry = volume.geometry;
        let mut access = Access::new(volume, device);
        let mut entry = [0; ENTRY];
        access.read(place, &mut entry)?;
        if !self.is_in_entry(&entry) {
            return Ok(None);
        }
        let mut done = 0;
        let failure = loop {
            let rest = bytes.get(done..).unwrap_or_default();
            match write_cluster(&mut access, &geometry, self, position + done as u64, rest) {
                Ok(0) => break None,
                Ok(count) => done += count,
                Err(error) => break Some(error),
            }
        };
        if let (0, Some(error)) = (done, failure) {
            return Err(error);
        }
        let end = position + done as u64;
        self.size = self.size.max(end);
        let (date, time) = now.encoded();
        // The days of the last access and change, the time of that and the size.
        access.write(place + 18, &date.to_le_bytes())?;
        access.write(place + 22, &time.to_le_bytes())?;
        access.write(place + 24, &date.to_le_bytes())?;
        access.write(place + 28, &(self.size as u32).to_le_bytes())?;
        volume.changes += 1;
        self.changes = volume.changes;
        Ok(Some((done, end)))
    }
}

/// Reads what of `into` belongs to the cluster at byte `position` of a file. Returns how many bytes. So many bytes are `wanted`
/// from there on, now or soon.
fn read_cluster(
    access: &mut Access<'_>,
    geometry: &Geometry,
    trail: &mut Trail,
    position: u64,
    into: &mut [u8],
    wanted: usize,
) -> Result<usize, Error> {
    let bytes = u64::from(geometry.cluster);
    let (index, offset) = geometry.split(position);
    let cluster = trail.cluster(access, geometry, index, false)?;
    let count = into.len().min((bytes - offset) as usize);
    let into = into.get_mut(..count).unwrap_or_default();
    let start = geometry.place(cluster)? + offset;
    // If the disk must be read, as many clusters more as lie behind this one.
    let is_here = access.has(start) && access.has(start + count.saturating_sub(1) as u64);
    let (mut ahead, mut last) = (0, cluster);
    let left = (trail.size - position).min(wanted as u64).saturating_sub(bytes - offset);
    while ahead < left && !is_here && next_in_chain(access, geometry, last)? == Some(last + 1) {
        (ahead, last) = (ahead + bytes, last + 1);
    }
    let in_a_row = (bytes - offset + ahead).min(wanted as u64);
    access.read_ahead(start, into, in_a_row.saturating_sub(into.len() as u64))?;
    Ok(into.len())
}

/// Writes what of `bytes` belongs to the cluster at byte `position` of a file. Returns how many bytes.
fn write_cluster(
    access: &mut Access<'_>,
    geometry: &Geometry,
    trail: &mut Trail,
    position: u64,
    bytes: &[u8],
) -> Result<usize, Error> {
    let (index, offset) = geometry.split(position);
    let count = bytes.len().min((u64::from(geometry.cluster) - offset) as usize);
    if count > 0 {
        let cluster = trail.cluster(access, geometry, index, true)?;
        access.write_data(geometry.place(cluster)? + offset, bytes.get(..count).unwrap_or_default())?;
    }
    Ok(count)
}
