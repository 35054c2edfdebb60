//! The program around the guest: from its command line to its end.

use core::ffi::CStr;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use nanoqga::CommandSet;
use rustix::event::Timespec;
use rustix::fd::BorrowedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use crate::channel::{Activation, Channel, Method};
use crate::daemon::{self, PidFile};
use crate::guest::{Guest, GuestOptions, TABLES};
use crate::init::Init;
use crate::log;
use crate::options::{Options, Refusal, Surroundings, Task};
use crate::serve::{End, Server};
use crate::signals::Signals;
use crate::system::path_rules::PathRules;
use crate::system::spawn::{Side, fork};
use crate::system::{errno, files};

/// How long it takes until a path is opened again: at first, and in the end, after twice as long each time.
const SHORTEST: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
const LONGEST: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// The program's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has done what it was asked for.
    Done = 0,
    /// It could not.
    Failed = 1,
}

/// Why the agent has ended before its time. It was logged.
struct Failed;

/// Logs a failure.
macro_rules! failure {
    ($($message:tt)*) => {{
        critical!($($message)*);
        Failed
    }};
}

/// The program, with its command line.
pub fn run(line: &[&str]) -> Status {
    let activation = match Activation::find(variable(c"LISTEN_PID"), variable(c"LISTEN_FDS")) {
        Ok(activation) => activation,
        Err(error) => {
            critical!("{error}");
            return Status::Failed;
        }
    };
    let surroundings = Surroundings {
        read: |path| match files::read_text(path) {
            Err(Errno::NOENT) => None,
            text => Some(text.map_err(|error| errno::text(error).to_owned())),
        },
        config: variable(c"QGA_CONF"),
        activated: activation.as_ref().map(|activation| activation.method),
        first_process: rustix::process::getpid().is_init(),
    };
    match Task::parse(line, &surroundings) {
        Ok(Task::Print(text)) => print(rustix::stdio::stdout, &text),
        Ok(Task::ListCommands) => {
            let names: String = TABLES.iter().copied().flatten().flat_map(|command| [command.name(), "\n"]).collect();
            print(rustix::stdio::stdout, &names)
        }
        Ok(Task::Serve(options)) => match agent(&options, activation) {
            Ok(()) => Status::Done,
            Err(Failed) => Status::Failed,
        },
        Err(Refusal { complaint, hint }) => {
            print(rustix::stdio::stderr, &(complaint + "\n"));
            if !hint.is_empty() {
                print(rustix::stdio::stdout, &(hint + "\n"));
            }
            Status::Failed
        }
    }
}

/// From the options to the end of the agent.
fn agent(options: &Options, activation: Option<Activation>) -> Result<(), Failed> {
    if options.verbose {
        log::be_verbose();
    }
    // Its way down ends everything on a machine.
    if options.init && !rustix::process::getpid().is_init() {
        return Err(failure!("--init is for the first process of a system"));
    }
    let init = options.init.then(|| Init::start(options));
    let mut guest = Guest::new(guest_options(options));
    go_to_background(options)?;
    // File systems that an agent before this one has frozen must not be written to.
    let frozen = guest.is_frozen();
    let mut pid_file = None;
    if frozen {
        warning!("an agent before this one has left file systems frozen: a host must send guest-fsfreeze-thaw");
    } else {
        pid_file = write_pid_file(options)?;
    }
    if options.daemon {
        daemon::detach().map_err(|error| failure!("failed to daemonize: {}", errno::text(error)))?;
    }
    if !frozen {
        log_to_file(options)?;
    }

    let block: Vec<&str> = options.block.iter().map(String::as_str).collect();
    let allow: Vec<&str> = options.allow.iter().map(String::as_str).collect();
    let mut commands = CommandSet::new(TABLES).block(&block);
    if !allow.is_empty() {
        commands = commands.allow(&allow);
    }
    commands.set_frozen(frozen);
    guest.take_over_frozen();
    let when_thawed = Box::new(|| {
        // What is wrong is logged. It is too late to end because of that.
        if frozen
            && let Ok(written) = write_pid_file(options).and_then(|written| log_to_file(options).map(|()| written))
        {
            pid_file = written;
        }
    });
    let signals = Signals::catch().map_err(|error| failure!("cannot catch signals: {}", errno::text(error)))?;
    serve(options, activation, Server::new(&commands, guest, signals, init, options.longest_request(), when_thawed))
}

/// Serves the channel, and opens it again if that is wanted. The first process never gives up.
fn serve(options: &Options, mut activation: Option<Activation>, mut server: Server<'_>) -> Result<(), Failed> {
    let mut retries = options.retry_path || options.init;
    let method = Method::named(&options.method)
        .ok_or_else(|| failure!("unsupported channel method/type: {}", options.method))?;
    let mut pause = SHORTEST;
    loop {
        let opened = match activation.take() {
            Some(activation) => Ok(Channel::listening(activation.socket)),
            None => Channel::open(method, &options.path),
        };
        match opened {
            Ok(channel) => {
                debug!("serving {}", options.path);
                pause = SHORTEST;
                if server.serve(channel) == End::Asked {
                    return Ok(());
                }
                // A port that was unplugged may be plugged in again.
                retries |= method == Method::VirtioSerial;
            }
            Err(error) if retries => debug!("waiting for the channel: {error}"),
            Err(error) => return Err(failure!("failed to create guest agent channel: {error}")),
        }
        if !retries {
            return Err(Failed);
        }
        if server.pause(pause) {
            return Ok(());
        }
        pause = (pause + pause).min(LONGEST);
    }
}

fn guest_options(options: &Options) -> GuestOptions {
    GuestOptions {
        version: options.version().to_owned(),
        state_dir: options.state_dir.clone(),
        fsfreeze_hook: options.fsfreeze_hook.clone(),
        freeze_limit: options.freeze_seconds(),
        os_release: variable(c"QGA_OS_RELEASE").unwrap_or("/etc/os-release").to_owned(),
        path_rules: PathRules::new(options.allow_path.clone(), options.block_path.clone()),
        init: options.init,
    }
}

/// Becomes a daemon, if that is wanted. The parent ends here.
fn go_to_background(options: &Options) -> Result<(), Failed> {
    if options.daemon
        && let Side::Parent(_) = fork().map_err(|error| failure!("failed to daemonize: {}", errno::text(error)))?
    {
        // SAFETY: It does not return, and what the parent has is the child's.
        unsafe { libc::_exit(0) }
    }
    Ok(())
}

/// Writes a daemon's number to its file.
fn write_pid_file(options: &Options) -> Result<Option<PidFile<'_>>, Failed> {
    let written = options.daemon.then(|| PidFile::write(&options.pid_file)).transpose();
    written.map_err(|error| failure!("cannot write the pid file {}: {}", options.pid_file, errno::text(error)))
}

fn log_to_file(options: &Options) -> Result<(), Failed> {
    let Some(path) = options.log_file.as_deref() else { return Ok(()) };
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC;
    let file = open(path, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH)
        .map_err(|error| failure!("unable to open specified log file: {path}: {}", errno::text(error)))?;
    log::to_file(file);
    Ok(())
}

/// A variable of the environment, if it is there and is text.
fn variable(name: &CStr) -> Option<&'static str> {
    // SAFETY: The name ends with its zero. Nothing here changes the environment, so what is found in it stays.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: As above; values in the environment end with a zero.
    unsafe { CStr::from_ptr(value) }.to_str().ok()
}

/// Writes all of a text to stdout or stderr.
fn print(to: unsafe fn() -> BorrowedFd<'static>, text: &str) -> Status {
    // SAFETY: Nothing in this program closes the standard descriptors.
    let to = unsafe { to() };
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match rustix::io::write(to, rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(_) => return Status::Failed,
        }
    }
    Status::Done
}
