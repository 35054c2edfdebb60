//! `nanoqga-test-info`, `-list`, `-run` and `-misbehave`.

use core::ffi::{c_char, c_void};
use core::fmt::{self, Write};
use core::mem::MaybeUninit;
use core::{ptr, slice};

use heapless::String;
use nanoqga::Failure;
use nanoqga::commands::testing::{self, Output, Properties, Test, Testing};

use super::{add, element};
use crate::agent::Nanoqga;
use crate::callbacks::testing::{Ending, Misbehaviour, Outcome, Running, TestOutput, TestingCallbacks};
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{from_c, outcome};

/// Adds the testing family: nanoqga-test-info, -list, -run and -misbehave, by which a host runs the kernel's own tests.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_testing(agent: *mut Nanoqga, callbacks: *const TestingCallbacks) -> Status {
    let is_there = |callbacks: &TestingCallbacks| {
        let all = callbacks.test.is_some() && callbacks.run.is_some() && callbacks.boot_id.is_some();
        [all, all, all, callbacks.misbehave.is_some()]
    };
    // SAFETY: The caller's promise.
    unsafe {
        add(
            agent,
            Family::Testing,
            callbacks,
            const { &[testing::commands(), testing::misbehave_commands()] },
            is_there,
            |guest| &mut guest.testing,
        )
    }
}

/// Adds `length` bytes of UTF-8 to what the host is sent with the verdict. What there is no room for is dropped, and the host is
/// told so. Only the callback `run` may call this, with its `output`.
///
/// Errors: NULL, INVALID_TEXT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_test_write(output: *mut TestOutput, text: *const c_char, length: usize) -> Status {
    if output.is_null() || text.is_null() {
        return Status::Null;
    }
    // SAFETY: The caller lends so many bytes for the call. The output is the one that `run` was passed, and nobody else uses it.
    let (bytes, output) = unsafe {
        (slice::from_raw_parts(text.cast::<u8>(), length.min(isize::MAX as usize)), &mut *output.cast::<Output<'_>>())
    };
    let Ok(text) = str::from_utf8(bytes) else { return Status::InvalidText };
    // It never fails.
    let _ = output.write_str(text);
    Status::Ok
}

/// Sends a number that was measured with the verdict: what was measured, and its unit, such as "ns". Only the callback `run` may
/// call this, with its `output`.
///
/// Errors: NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_test_measure(
    output: *mut TestOutput,
    name: *const c_char,
    value: i64,
    unit: *const c_char,
) -> Status {
    // SAFETY: Both are texts, by the caller's promise.
    let (Some(name), Some(unit)) = (unsafe { (from_c(name), from_c(unit)) }) else { return Status::Null };
    if output.is_null() {
        return Status::Null;
    }
    // SAFETY: The output is the one that `run` was passed, and nobody else uses it.
    let output = unsafe { &mut *output.cast::<Output<'_>>() };
    output.measure(name, value as f64, unit);
    Status::Ok
}

/// Finishes the reply for a test that has panicked, because the kernel cannot go on. The panic handler calls this once, with what
/// the callback `keep` has copied, even while the agent is at work. `send` is called with the bytes of the reply, and must not
/// return before they are with the channel's device. `now_ns` is the clock, or 0 without one.
///
/// Errors: NULL, MISALIGNED, NOT_RUNNING: then nothing was sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_finish_test(
    running: *const Running,
    ending: *const Ending,
    now_ns: u64,
    send: Option<unsafe extern "C" fn(context: *mut c_void, bytes: *const u8, length: usize)>,
    context: *mut c_void,
) -> Status {
    let Some(send) = send else { return Status::Null };
    if running.is_null() || ending.is_null() {
        return Status::Null;
    }
    if !running.is_aligned() || !ending.is_aligned() {
        return Status::Misaligned;
    }
    // SAFETY: Both may be read, by the caller's promise. The ending's texts are texts.
    let (running, ending) = unsafe { (unpack(&running.read()), told(&ending.read())) };
    let Some(running) = running else { return Status::NotRunning };
    let now_ns = (now_ns > 0).then_some(now_ns);
    // SAFETY: The kernel's function, with its context and as many bytes as are said.
    running.finish(&ending, now_ns, &mut |bytes| unsafe { send(context, bytes.as_ptr(), bytes.len()) });
    Status::Ok
}

/// What a running test that C has copied begins with.
const RUNNING: u64 = 0x6e71_6761_7465_7374;

const _: () = {
    assert!(size_of::<u64>() + size_of::<testing::Running>() <= size_of::<Running>());
    assert!(align_of::<testing::Running>() <= align_of::<u64>());
};

/// The test as C keeps it.
fn pack(running: testing::Running) -> Running {
    let mut packed = Running { opaque: [MaybeUninit::zeroed(); 32] };
    let [begin, rest @ ..] = &mut packed.opaque;
    begin.write(RUNNING);
    // SAFETY: It has room for the test, as was just asserted, and is aligned for it.
    unsafe { ptr::from_mut(rest).cast::<testing::Running>().write(running) };
    packed
}

/// The test that C has kept; `None` if there is none in that memory.
///
/// # Safety
/// C has written to the memory. If it begins like a test, it is one that C has not changed.
unsafe fn unpack(packed: &Running) -> Option<testing::Running> {
    let [begin, rest @ ..] = &packed.opaque;
    // SAFETY: The caller's promise.
    unsafe { (begin.assume_init() == RUNNING).then(|| ptr::from_ref(rest).cast::<testing::Running>().read()) }
}

/// An ending as the engine has it. One whose outcome is none is a failure.
///
/// # Safety
/// Its texts are texts, or NULL.
pub(super) unsafe fn told(ending: &Ending) -> testing::Ending {
    const KNOWN: [(Outcome, testing::Outcome); 4] = [
        (Outcome::Passed, testing::Outcome::Passed),
        (Outcome::Failed, testing::Outcome::Failed),
        (Outcome::Skipped, testing::Outcome::Skipped),
        (Outcome::Panicked, testing::Outcome::Panicked),
    ];
    // SAFETY: The caller's promise.
    let (message, file) = unsafe { (from_c(ending.message), from_c(ending.file)) };
    let place = file.map(|file| (file, ending.line));
    match KNOWN.into_iter().find(|(known, _)| *known as u32 == ending.outcome) {
        Some((_, outcome)) => testing::Ending::new(outcome, &message.unwrap_or_default(), place),
        None => {
            let message = message.unwrap_or("the kernel does not say how the test has ended");
            testing::Ending::new(testing::Outcome::Failed, &message, place)
        }
    }
}

impl Testing for Guest {
    /// They are the kernel's.
    const SUITES: &'static [&'static [Test<Self>]] = &[];

    fn boot_id(&mut self) -> u64 {
        // SAFETY: The kernel's callback, with its context.
        self.testing.boot_id.map_or(0, |boot_id| unsafe { boot_id(self.context) })
    }

    fn print_line(&mut self, line: fmt::Arguments<'_>) {
        let Some(print) = self.testing.print_line else { return };
        // Room for the longest mark and what stands before it.
        let mut text = String::<96>::new();
        // What does not fit is not printed.
        let _ = text.write_fmt(line);
        // SAFETY: The kernel's callback, with its context and as many bytes as are said.
        unsafe { print(self.context, text.as_ptr().cast(), text.len()) }
    }

    fn clock_ns(&mut self) -> Option<u64> {
        // SAFETY: The kernel's callback, with its context.
        self.testing.clock_ns.map(|clock| unsafe { clock(self.context) })
    }

    fn last_words(&mut self) -> Option<testing::LastWords<'_>> {
        let mut words = crate::callbacks::testing::LastWords::default();
        // SAFETY: The kernel's callback, with its context, which may write the words. It leaves texts NULL or sets them to texts.
        unsafe {
            let there = self.testing.last_words?(self.context, &raw mut words).is_set();
            there.then(|| testing::LastWords {
                test: from_c(words.test),
                message: from_c(words.message),
                file: from_c(words.file),
                line: (words.line > 0).then_some(words.line),
            })
        }
    }

    fn keep(&mut self, running: Option<testing::Running>) {
        let Some(keep) = self.testing.keep else { return };
        let packed = running.map(pack);
        // SAFETY: The kernel's callback, with its context, and a test that it may read, or NULL.
        unsafe { keep(self.context, packed.as_ref().map_or(ptr::null(), ptr::from_ref)) }
    }

    fn properties(&self, index: usize) -> Option<Properties<'_>> {
        // SAFETY: The kernel's callback, with its context. It leaves texts NULL or sets them to texts.
        unsafe {
            let test = element(self.testing.test, self.context, index)?;
            let number = |number: u32| (number > 0).then_some(number);
            Some(Properties {
                should_panic: from_c(test.should_panic),
                ignored: from_c(test.ignored),
                timeout_ms: number(test.timeout_ms),
                alone: test.alone.is_set(),
                cases: number(test.cases),
                ..Properties::named(from_c(test.name).unwrap_or_default())
            })
        }
    }

    fn call(&mut self, index: usize, output: &mut Output<'_>) -> testing::Ending {
        let (number, seed) = (output.case(), output.seed());
        let mut ending = Ending::default();
        if let Some(run) = self.testing.run {
            // SAFETY: The kernel's callback, with its context. It may use the output until it returns, and write the ending.
            unsafe { run(self.context, index, number, seed, ptr::from_mut(output).cast(), &raw mut ending) }
        }
        // SAFETY: The callback leaves its texts NULL or sets them to texts.
        unsafe { told(&ending) }
    }
}

impl testing::Misbehave for Guest {
    fn misbehave(&mut self, how: testing::Misbehaviour) -> Result<(), Failure> {
        let how = match how {
            testing::Misbehaviour::Panic => Misbehaviour::Panic,
            testing::Misbehaviour::Hang => Misbehaviour::Hang,
            testing::Misbehaviour::Fault => Misbehaviour::Fault,
            testing::Misbehaviour::Overflow => Misbehaviour::Overflow,
            testing::Misbehaviour::Reset => Misbehaviour::Reset,
        };
        let misbehave = self.testing.misbehave.ok_or(NO_CALLBACK)?;
        // SAFETY: The kernel's callback, with its context; what it returns is NULL or a text.
        unsafe { outcome(misbehave(self.context, how)) }
    }
}
