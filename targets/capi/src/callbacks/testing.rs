//! For `nanoqga-test-info`, `-list`, `-run` and `-misbehave`: the kernel's own tests.

use core::ffi::{c_char, c_void};
use core::mem::MaybeUninit;
use core::ptr;

use crate::flag::Flag;

/// A test of the kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// Its name, such as "mm::oom". No two tests may have the same.
    pub name: *const c_char,
    /// If it is not NULL, the test passes only by a panic whose message has this text in it.
    pub should_panic: *const c_char,
    /// If it is not NULL, the test is run only when it is asked for; why.
    pub ignored: *const c_char,
    /// The time limit of this test in milliseconds. 0: the host's.
    pub timeout_ms: u32,
    /// How many cases it has. 0: it has none, and is run once.
    pub cases: u32,
    /// Whether it needs a freshly booted guest.
    pub alone: Flag,
}

impl Default for Test {
    fn default() -> Self {
        let none = ptr::null();
        Self { name: none, should_panic: none, ignored: none, timeout_ms: 0, cases: 0, alone: Flag::default() }
    }
}

/// How a test has ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is not known: the test counts as failed.
    Unknown = 0,
    /// It has passed.
    Passed,
    /// It has failed.
    Failed,
    /// It cannot be run on this machine.
    Skipped,
    /// It has panicked, and the kernel has survived that.
    Panicked,
}

/// The end of a test.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// One of `enum nanoqga_outcome`.
    pub outcome: u32,
    /// The line in `file`.
    pub line: u32,
    /// Why the test failed, was skipped, or panicked; or NULL. Hosts are sent at least its first 160 bytes.
    pub message: *const c_char,
    /// The file of the source in which that was; or NULL.
    pub file: *const c_char,
}

impl Default for Ending {
    fn default() -> Self {
        Self { outcome: Outcome::Unknown as u32, line: 0, message: ptr::null(), file: ptr::null() }
    }
}

/// What the kernel has kept of the panic that ended the boot before. A text may be NULL, and a line 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LastWords {
    /// The test that ran.
    pub test: *const c_char,
    /// What the panic said.
    pub message: *const c_char,
    /// The file of the source in which it was.
    pub file: *const c_char,
    /// The line in that file.
    pub line: u32,
}

impl Default for LastWords {
    fn default() -> Self {
        Self { test: ptr::null(), message: ptr::null(), file: ptr::null(), line: 0 }
    }
}

/// A test that runs. The kernel may copy it, and must not change it. One that is all zeros is none.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Running {
    // A test has bytes that mean nothing, which Rust does not read.
    pub(crate) opaque: [MaybeUninit<u64>; 32],
}

/// Where a test writes.
#[derive(Debug)]
pub struct TestOutput {
    _opaque: (),
}

/// A way to die.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Misbehaviour {
    /// To panic.
    Panic,
    /// To do nothing for ever.
    Hang,
    /// To access memory that is not there.
    Fault,
    /// To use more stack than there is.
    Overflow,
    /// To reset the machine.
    Reset,
}

/// The callbacks of the testing family. `test`, `run` and `boot_id` must be there. Hosts can do with the kernel what its tests can,
/// so a kernel that is shipped should not add the family.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TestingCallbacks {
    /// A test of the kernel. The list must always be the same.
    pub test: Option<unsafe extern "C" fn(context: *mut c_void, index: usize, test: *mut Test) -> Flag>,
    /// Runs the test `index`, and says how it has ended. `number` is the case, 0 for a test without cases; `seed` is for random
    /// numbers, and 0 unless the host has sent one. `output` is for nanoqga_test_write and nanoqga_test_measure. It need not return:
    /// see nanoqga_finish_test.
    pub run: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            index: usize,
            number: u64,
            seed: u64,
            output: *mut TestOutput,
            ending: *mut Ending,
        ),
    >,
    /// A number that differs from boot to boot, as far as the kernel can tell boots apart.
    pub boot_id: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
    /// A clock in nanoseconds that never goes backwards. May be NULL.
    pub clock_ns: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
    /// Prints a line of `length` bytes on the console, and ends it; no NUL follows the bytes. May be NULL.
    pub print_line: Option<unsafe extern "C" fn(context: *mut c_void, line: *const c_char, length: usize)>,
    /// Copies the test that runs next to where the panic handler finds it; NULL: none runs any more. May be NULL.
    pub keep: Option<unsafe extern "C" fn(context: *mut c_void, running: *const Running)>,
    /// Fills in what is known of the panic that ended the boot before, and returns whether there is anything. May be NULL.
    pub last_words: Option<unsafe extern "C" fn(context: *mut c_void, words: *mut LastWords) -> Flag>,
    /// For nanoqga-test-misbehave: dies in this way, so that a host can test that it notices. It need not return.
    pub misbehave: Option<unsafe extern "C" fn(context: *mut c_void, how: Misbehaviour) -> *const c_char>,
}
