//! The files that a kernel has open for the agent.

use core::ffi::c_void;

use heapless::Vec;
use nanoqga::Failure;

use crate::callbacks::file::NANOQGA_MAX_FILES;

/// The files that are open, by their handles.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    pub(crate) files: Vec<(i64, *mut c_void), NANOQGA_MAX_FILES>,
    pub(crate) last: i64,
}

impl OpenFiles {
    pub(crate) fn place(&self, handle: i64) -> Option<usize> {
        self.files.iter().position(|&(open, _)| open == handle)
    }

    pub(crate) fn get(&self, handle: i64) -> Result<*mut c_void, Failure> {
        let place = self.place(handle).and_then(|place| self.files.get(place));
        place.map(|&(_, file)| file).ok_or(Failure("no such file is open"))
    }
}
