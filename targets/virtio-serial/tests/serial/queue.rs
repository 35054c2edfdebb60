//! The device's side of a split virtqueue: virtio 1.2, section 2.7.

use crate::memory::{load, store};

const NEXT: u16 = 1;
const WRITE: u16 = 2;

/// A queue as the driver has set it up.
pub struct Queue {
    pub size: u16,
    pub descriptors: u64,
    pub available: u64,
    pub used: u64,
    next_available: u16,
    next_used: u16,
    honest: bool,
}

/// What one entry of the available ring leads to.
pub struct Chain {
    pub head: u16,
    pub segments: Vec<Segment>,
}

/// What one descriptor describes.
pub struct Segment {
    pub address: u64,
    pub length: u32,
    pub device_writable: bool,
}

impl Queue {
    pub fn new(size: u16, descriptors: u64, available: u64, used: u64) -> Self {
        assert!(size.is_power_of_two(), "queue sizes are powers of two (2.7)");
        assert!(
            descriptors.is_multiple_of(16) && available.is_multiple_of(2) && used.is_multiple_of(4),
            "alignment (2.7)"
        );
        Self { size, descriptors, available, used, next_available: 0, next_used: 0, honest: true }
    }

    /// Takes the next chain of buffers that the driver has made available.
    pub fn pop(&mut self) -> Option<Chain> {
        let ahead = u16::from_le_bytes(load(self.available + 2)).wrapping_sub(self.next_available);
        // Buffers that were returned without having been taken may be there twice.
        assert!(ahead <= self.size || !self.honest, "the driver made more available than the queue holds (2.7.13)");
        if ahead == 0 {
            return None;
        }
        let slot = u64::from(self.next_available % self.size);
        self.next_available = self.next_available.wrapping_add(1);
        let head = u16::from_le_bytes(load(self.available + 4 + 2 * slot));
        let mut segments = Vec::new();
        let mut index = head;
        loop {
            assert!(index < self.size && segments.len() < usize::from(self.size), "the chain is broken (2.7.5)");
            let descriptor = self.descriptors + 16 * u64::from(index);
            let flags = u16::from_le_bytes(load(descriptor + 12));
            assert_eq!(flags & !(NEXT | WRITE), 0, "a flag that was not negotiated (2.7.5)");
            segments.push(Segment {
                address: u64::from_le_bytes(load(descriptor)),
                length: u32::from_le_bytes(load(descriptor + 8)),
                device_writable: flags & WRITE != 0,
            });
            if flags & NEXT == 0 {
                return Some(Chain { head, segments });
            }
            index = u16::from_le_bytes(load(descriptor + 14));
        }
    }

    /// Returns a chain that was never taken, or does not even exist.
    pub fn lie(&mut self, id: u32, length: u32) {
        self.honest = false;
        self.push(id, length);
    }

    /// Says that any number of chains were returned.
    pub fn lie_about_index(&mut self, index: u16) {
        self.honest = false;
        self.set_used_index(index);
    }

    /// Returns a chain, with the number of bytes that were (or are claimed to be) written.
    pub fn push(&mut self, id: u32, length: u32) {
        let element = self.used + 4 + 8 * u64::from(self.next_used % self.size);
        store(element, id.to_le_bytes());
        store(element + 4, length.to_le_bytes());
        self.next_used = self.next_used.wrapping_add(1);
        self.set_used_index(self.next_used);
    }

    /// Says that so many chains were returned since the queue exists.
    pub fn set_used_index(&mut self, index: u16) {
        store(self.used + 2, index.to_le_bytes());
    }

    /// Whether the device wants to be notified of available buffers.
    pub fn set_notify(&mut self, wanted: bool) {
        store(self.used, u16::from(!wanted).to_le_bytes());
    }
}

impl Chain {
    /// The bytes that the driver sends with it.
    pub fn read(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for segment in &self.segments {
            assert!(!segment.device_writable, "a device-writable buffer in a transmit queue (5.3.6.1)");
            bytes.extend((0..u64::from(segment.length)).map(|offset| load::<1>(segment.address + offset)[0]));
        }
        bytes
    }

    /// Writes as many of `bytes` as there is room for; gives their number.
    pub fn write(&self, bytes: impl IntoIterator<Item = u8>) -> u32 {
        let mut bytes = bytes.into_iter();
        let mut written = 0;
        for segment in &self.segments {
            assert!(segment.device_writable, "a device-readable buffer in a receive queue (5.3.6.1)");
            for (offset, byte) in (0..u64::from(segment.length)).zip(&mut bytes) {
                store(segment.address + offset, [byte]);
                written += 1;
            }
        }
        written
    }

    pub fn room(&self) -> usize {
        self.segments.iter().map(|segment| segment.length as usize).sum()
    }
}
