//! Starting a program, with libc's `posix_spawnp`: it looks a name up, and tells why a program does not start.

use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::{CStr, c_char, c_int, c_short};
use core::mem::MaybeUninit;
use core::ptr;

use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, FdFlags};
use rustix::process::Pid;

use super::files::numbers;

const NULL: &CStr = c"/dev/null";

/// What runs a file that the kernel takes for no program: a script that does not say what runs it.
const SHELL: &CStr = c"/bin/sh";

/// The three descriptors that a program begins with: ends of pipes, or `/dev/null`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Streams<'a> {
    pub input: Option<BorrowedFd<'a>>,
    pub out: Option<BorrowedFd<'a>>,
    pub err: Option<BorrowedFd<'a>>,
}

/// The ends of a pipe: what is written to the second is read from the first. Neither is passed on.
pub fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
}

/// Starts `arguments[0]`, looked up in the agent's `PATH` if it has no slash, with these arguments and this environment or the
/// agent's own. All signals do what they do for a fresh program.
pub fn spawn(arguments: &[CString], environment: Option<&[CString]>, streams: Streams<'_>) -> Result<Pid, Errno> {
    let path = arguments.first().ok_or(Errno::NOENT)?;
    match start(path, arguments, environment, streams) {
        Err(Errno::NOEXEC) => {
            let mut script = Vec::from([CString::from(SHELL)]);
            script.extend_from_slice(arguments);
            start(SHELL, &script, environment, streams)
        }
        outcome => outcome,
    }
}

/// Sees to it that no program gets what only the agent was given: descriptors of whoever started it, and that a write to a
/// pipe which nobody reads any more fails and does not end the agent. Root's programs have a HOME, which no service begins with.
pub fn prepare() {
    let open = numbers("/proc/self/fd", "").unwrap_or_default();
    for number in open.into_iter().filter_map(|number| i32::try_from(number).ok()).filter(|number| *number > 2) {
        // SAFETY: whoever owns the descriptor, it stays what it is; if it was closed since, that is an error.
        let _ = rustix::io::fcntl_setfd(unsafe { BorrowedFd::borrow_raw(number) }, FdFlags::CLOEXEC);
    }
    // SAFETY: an ignored signal runs no code.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    if rustix::process::getuid().is_root() {
        // SAFETY: There is one thread, and both are strings that end with NUL. A HOME that is there stays.
        unsafe { libc::setenv(c"HOME".as_ptr(), c"/root".as_ptr(), 0) };
    }
}

/// Which of the two processes a fork has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that was there, with the number of the new one.
    Parent(Pid),
    /// The new one.
    Child,
}

/// Makes a second process of this one.
pub fn fork() -> Result<Side, Errno> {
    // SAFETY: There is one thread, so the child finds nothing in between.
    match unsafe { libc::fork() } {
        0 => Ok(Side::Child),
        pid => Pid::from_raw(pid.max(0)).map(Side::Parent).ok_or(Errno::AGAIN),
    }
}

/// Closes all descriptors of a forked process but the standard ones and `kept`. Who owned them must not go on in this process.
pub fn close_all_but(kept: &OwnedFd) {
    let open = numbers("/proc/self/fd", "").unwrap_or_default();
    for number in open.into_iter().filter_map(|number| i32::try_from(number).ok()) {
        if number > 2 && number != kept.as_raw_fd() {
            // SAFETY: Their owners are the parent's, of which this process runs nothing more.
            unsafe { libc::close(number) };
        }
    }
}

/// The signals that the agent handles do again what they do for a fresh program.
pub fn forget_handlers() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGCHLD] {
        // SAFETY: A default action runs no code.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

fn start(
    path: &CStr,
    arguments: &[CString],
    environment: Option<&[CString]>,
    streams: Streams<'_>,
) -> Result<Pid, Errno> {
    unsafe extern "C" {
        /// The agent's own environment (POSIX.1-2024, 8.1).
        static environ: *const *mut c_char;
    }
    let actions = Actions::new(streams)?;
    let attributes = Attributes::new()?;
    let argv = pointers(arguments);
    let envp = environment.map(pointers);
    // SAFETY: libc set `environ` before main, and nothing in the agent changes it.
    let envp = envp.as_ref().map_or_else(|| unsafe { environ }, |envp| envp.as_ptr());
    let mut pid = 0;
    // SAFETY: path, arguments and environment are strings that end with NUL, both lists end with null, and all of them, the
    // actions and the attributes live during the call, which changes none of them.
    let error = unsafe { libc::posix_spawnp(&mut pid, path.as_ptr(), &actions.0, &attributes.0, argv.as_ptr(), envp) };
    check(error)?;
    Pid::from_raw(pid).ok_or(Errno::SRCH)
}

/// A list as C has it. posix_spawn takes its strings as not const, but does not change them.
fn pointers(strings: &[CString]) -> Vec<*mut c_char> {
    strings.iter().map(|string| string.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

/// libc returns an error's number, or 0.
const fn check(error: c_int) -> Result<(), Errno> {
    if error == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(error)) }
}

/// What becomes of the descriptors.
struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new(streams: Streams<'_>) -> Result<Self, Errno> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: init fills what it is given a pointer to.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        // SAFETY: it did.
        let mut actions = Self(unsafe { actions.assume_init() });
        actions.set(0, streams.input, libc::O_RDONLY)?;
        actions.set(1, streams.out, libc::O_WRONLY)?;
        actions.set(2, streams.err, libc::O_WRONLY)?;
        Ok(actions)
    }

    fn set(&mut self, number: c_int, stream: Option<BorrowedFd<'_>>, access: c_int) -> Result<(), Errno> {
        let actions = &mut self.0;
        check(match stream {
            // SAFETY: the actions are initialised; what the descriptor is only matters when they are done.
            Some(stream) => unsafe { libc::posix_spawn_file_actions_adddup2(actions, stream.as_raw_fd(), number) },
            // SAFETY: the actions are initialised, and the path is static.
            None => unsafe { libc::posix_spawn_file_actions_addopen(actions, number, NULL.as_ptr(), access, 0) },
        })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: they are initialised, and not used again.
        unsafe { libc::posix_spawn_file_actions_destroy(&mut self.0) };
    }
}

/// What becomes of the signals: none is blocked or ignored.
struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new() -> Result<Self, Errno> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: init fills what it is given a pointer to.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        // SAFETY: it did.
        let mut attributes = Self(unsafe { attributes.assume_init() });
        let (mut none, mut all) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        let flags = (libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF) as c_short;
        // SAFETY: both sets are filled before they are read; the attributes are initialised.
        unsafe {
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigfillset(all.as_mut_ptr());
            check(libc::posix_spawnattr_setsigmask(&mut attributes.0, none.as_ptr()))?;
            check(libc::posix_spawnattr_setsigdefault(&mut attributes.0, all.as_ptr()))?;
            check(libc::posix_spawnattr_setflags(&mut attributes.0, flags))?;
        }
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: they are initialised, and not used again.
        unsafe { libc::posix_spawnattr_destroy(&mut self.0) };
    }
}
