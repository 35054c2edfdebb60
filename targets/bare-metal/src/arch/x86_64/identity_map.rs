//! Memory as the entry code maps it: everything below 4 GiB at its own address.

use core::ops::Range;
use core::ptr;
use core::slice;

use crate::dma::Page;
use crate::memory::Memory;
use crate::pvh::Ram;

pub(super) const END: u64 = 1 << 32;
const PAGE: u64 = 4096;

unsafe extern "C" {
    static __image_start: u8;
    static __image_end: u8;
}

/// The image's own memory, with its stack and the guard page below that.
fn image() -> Range<u64> {
    (&raw const __image_start).addr() as u64..(&raw const __image_end).addr() as u64
}

/// What firmware and loader left in memory: all but the image itself and the memory that devices got.
#[derive(Debug)]
pub(super) struct IdentityMap {
    devices: Range<u64>,
}

impl IdentityMap {
    /// As long as devices have none.
    pub(super) const fn whole() -> Self {
        Self { devices: 0..0 }
    }

    /// Takes the largest piece of RAM above the image for devices.
    pub(super) fn without_devices(ram: &[Ram]) -> (Self, Option<&'static mut [Page]>) {
        let usable = ram.iter().map(|ram| {
            let start = ram.start.max(image().end).next_multiple_of(PAGE);
            start..(ram.end.min(END) & !(PAGE - 1)).max(start)
        });
        let devices = usable.max_by_key(|range| range.end - range.start).filter(|range| !range.is_empty());
        let Some(devices) = devices else { return (Self::whole(), None) };
        let pages = ((devices.end - devices.start) / PAGE) as usize;
        // SAFETY: The memory map says that this is RAM, in whole pages, the image lies below it, and `bytes` gives none of it away.
        let memory =
            unsafe { slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(devices.start as usize), pages) };
        (Self { devices }, Some(memory))
    }
}

impl Memory for IdentityMap {
    fn bytes(&self, address: u64, length: usize) -> Option<&[u8]> {
        let wanted = address..address.checked_add(length as u64)?;
        let overlaps = |range: &Range<u64>| wanted.start < range.end && range.start < wanted.end;
        if address == 0 || wanted.end > END || overlaps(&image()) || overlaps(&self.devices) {
            return None;
        }
        // SAFETY: All of it is mapped, and Rust knows no other object there: what it has lies in the image or is the devices'.
        Some(unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(address as usize), length) })
    }
}
