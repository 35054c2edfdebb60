//! For `guest-get-vcpus`, `guest-set-vcpus`, `guest-get-cpustats` and `guest-get-load`.

use core::ffi::{c_char, c_void};

use crate::flag::Flag;

/// A processor.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Processor {
    /// Its number.
    pub logical_id: i64,
    /// Whether it runs.
    pub online: Flag,
    /// Whether it can be taken offline.
    pub can_offline: Flag,
}

/// The times of a processor since it started, in milliseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessorTimes {
    /// The processor's number.
    pub cpu: u32,
    /// In user mode.
    pub user: u64,
    /// In user mode with low priority.
    pub nice: u64,
    /// In system mode.
    pub system: u64,
    /// Idle.
    pub idle: u64,
}

/// The average number of tasks that were ready to run, in hundredths.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Over one minute.
    pub load1m: u32,
    /// Over five minutes.
    pub load5m: u32,
    /// Over fifteen minutes.
    pub load15m: u32,
}

/// The callbacks of the cpu family.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuCallbacks {
    /// For guest-get-vcpus.
    pub processor: Option<unsafe extern "C" fn(context: *mut c_void, index: usize, processor: *mut Processor) -> Flag>,
    /// For guest-set-vcpus: takes a processor online or offline. It is no error if the processor is so already.
    pub set_processor:
        Option<unsafe extern "C" fn(context: *mut c_void, logical_id: i64, online: Flag) -> *const c_char>,
    /// For guest-get-cpustats.
    pub processor_times:
        Option<unsafe extern "C" fn(context: *mut c_void, index: usize, times: *mut ProcessorTimes) -> Flag>,
    /// For guest-get-load: fills in `load`.
    pub load: Option<unsafe extern "C" fn(context: *mut c_void, load: *mut Load) -> *const c_char>,
}
