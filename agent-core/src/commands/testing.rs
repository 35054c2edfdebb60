//! `nanoqga-test-info`, `-list`, `-run`, `-start`, `-status` and `-misbehave`: a kernel's own tests, run by its host one after
//! another. `docs/test-protocol.md` is the protocol.
//!
//! A test is a value, [`Test`]: a function, its name, and what the host should know. Tests stand in slices, and the guest names
//! them in its implementation of [`Testing`]:
//!
//! ```
//! use core::fmt::{self, Write};
//! use nanoqga::commands::testing::{self, Output, Test, Testing, Verdict, skip};
//! use nanoqga::{Agent, Buffers, CommandSet, check, tests};
//!
//! struct Kernel {
//!     free_pages: usize,
//! }
//!
//! fn allocates(kernel: &mut Kernel, output: &mut Output<'_>) -> Verdict {
//!     writeln!(output, "{} pages are free", kernel.free_pages)?;
//!     check!(kernel.free_pages > 7, "too few pages");
//!     Ok(())
//! }
//!
//! fn reads_a_sector(_: &mut Kernel, _: &mut Output<'_>) -> Verdict {
//!     skip("there is no disk")
//! }
//!
//! impl Testing for Kernel {
//!     const SUITES: &'static [&'static [Test<Self>]] = &[tests!["mm": allocates], tests!["disk": reads_a_sector]];
//!
//!     fn boot_id(&mut self) -> u64 {
//!         1
//!     }
//!
//!     fn print_line(&mut self, line: fmt::Arguments<'_>) {
//!         eprintln!("{line}");
//!     }
//! }
//!
//! static COMMANDS: CommandSet<Kernel> = CommandSet::new(&[testing::commands()]);
//! let mut buffers: Buffers = Buffers::new();
//! let mut agent = Agent::new(&COMMANDS, buffers.memory());
//! let mut ask = |request: &str| {
//!     assert_eq!(agent.receive(request.as_bytes()), request.len());
//!     let mut room = [0; 512];
//!     let length = agent.transmit(&mut Kernel { free_pages: 3 }, &mut room);
//!     String::from_utf8_lossy(&room[..length]).into_owned()
//! };
//! let reply = ask(r#"{"execute": "nanoqga-test-run", "arguments": {"name": "mm::allocates"}}"#);
//! assert!(reply.contains(r#""outcome":"failed""#) && reply.contains(r#""message":"too few pages""#), "{reply}");
//! assert!(reply.contains(r#""output":"3 pages are free\n""#), "{reply}");
//! let reply = ask(r#"{"execute": "nanoqga-test-run", "arguments": {"name": "disk::reads_a_sector"}}"#);
//! assert!(reply.contains(r#""outcome":"skipped""#), "{reply}");
//! ```
//!
//! A test that panics need not take its verdict with it. The guest [keeps](Testing::keep) a [`Running`] in a static, and its panic
//! handler [finishes](Running::finish) the reply. A kernel that survives panics overrides [`Testing::run`] instead.
//!
//! The output of a test and its measurements lie in what the request leaves of the agent's memory for requests: some 3 KiB of 4.

mod background;
mod capture;
mod digest;
mod ending;
mod guest;
mod list;
mod macros;
mod misbehave;
mod output;
mod run;
mod running;
mod test;
mod verdict;
mod words;

pub use self::background::{Background, Progress};
pub use self::ending::{Ending, Outcome};
pub use self::guest::{LastWords, Testing};
#[doc(hidden)]
pub use self::macros::without_crate;
pub use self::misbehave::{Misbehave, Misbehaviour};
pub use self::output::{Given, Measurement, Output, Sink};
pub use self::running::Running;
pub use self::test::{Properties, Test};
pub use self::verdict::{MAX_MESSAGE, NotPassed, Verdict, fail, skip};
use crate::command::Command;

/// The family's commands. `nanoqga-test-run` may not return.
#[must_use]
pub const fn commands<G: Testing>() -> &'static [Command<G>] {
    const {
        &[
            Command::new("nanoqga-test-info", list::info),
            Command::new("nanoqga-test-list", list::list).packed(),
            Command::new("nanoqga-test-run", run::run).may_not_return(),
        ]
    }
}

/// The commands of a guest that runs tests in threads.
#[must_use]
pub const fn background_commands<G: Background>() -> &'static [Command<G>] {
    const {
        &[
            Command::new("nanoqga-test-start", background::start),
            Command::new("nanoqga-test-status", background::status),
        ]
    }
}

/// The command of a guest by which hosts test that they notice its death.
#[must_use]
pub const fn misbehave_commands<G: Misbehave>() -> &'static [Command<G>] {
    const { &[Command::new("nanoqga-test-misbehave", misbehave::misbehave).may_not_return()] }
}
