//! For `nanoqga-test-start` and `-status`: tests that run in threads of the kernel's while the agent answers.

use core::ffi::{c_char, c_void};
use core::ptr;

use super::testing::Ending;
use crate::flag::Flag;

/// How far a run of a test is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TestProgress {
    /// Whether it goes on. Otherwise the rest says how it has ended.
    pub running: Flag,
    /// Whether it wrote or measured more than the kernel has kept.
    pub truncated: Flag,
    /// How long it took in nanoseconds. 0: not known.
    pub elapsed_ns: u64,
    /// Its end.
    pub ending: Ending,
}

/// A number that a test has measured.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TestMeasurement {
    /// What was measured.
    pub name: *const c_char,
    /// The number.
    pub value: i64,
    /// Its unit, such as "ns".
    pub unit: *const c_char,
}

impl Default for TestMeasurement {
    fn default() -> Self {
        Self { name: ptr::null(), value: 0, unit: ptr::null() }
    }
}

/// The callbacks of tests in threads. All must be there. The kernel keeps the output of each run, at least of the one that was
/// started last, and lets no thread call the agent.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct BackgroundCallbacks {
    /// Starts a thread that runs the test `index`, whose `number` and `seed` are those of the callback `run`, and sets `run` to the
    /// run's number. If `mark` is not NULL, the thread prints the lines "nanoqga-test-begin MARK" and "nanoqga-test-end MARK" on the
    /// console before the test and after it; the mark has `mark_length` bytes, and no NUL follows them. Returns NULL, or why no
    /// thread can be started.
    pub start: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            index: usize,
            number: u64,
            seed: u64,
            mark: *const c_char,
            mark_length: usize,
            run: *mut u64,
        ) -> *const c_char,
    >,
    /// Fills in how far a run is. Returns false if there is no such run.
    pub progress: Option<unsafe extern "C" fn(context: *mut c_void, run: u64, progress: *mut TestProgress) -> Flag>,
    /// Copies what is kept of a run's output, from byte `from` on, to `into`: at most `length` bytes. Returns how many.
    pub output: Option<
        unsafe extern "C" fn(context: *mut c_void, run: u64, from: u64, into: *mut c_char, length: usize) -> usize,
    >,
    /// Fills in a measurement of a run that has ended. Returns false behind the last one.
    pub measurement: Option<
        unsafe extern "C" fn(context: *mut c_void, run: u64, index: usize, measurement: *mut TestMeasurement) -> Flag,
    >,
}
