//! A kernel's own tests, run one by one through its agent, with the names, flags and exit codes of every other test program.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use nanoqga_testkit::suite::Suite;
//!
//! fn main() -> ExitCode {
//!     Suite::new("target/x86_64-unknown-none/debug/my-kernel").main()
//! }
//! ```

mod background;
mod console;
mod guests;
mod junit;
mod ktap;
mod list;
mod protocol;
mod record;
mod running;
mod verdict;
mod watch;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

pub use self::guests::Isolation;
use self::guests::{Effort, Guests};
use self::list::Tests;
use self::record::Record;
use self::verdict::Verdict;
use crate::cargo;
use crate::elf::Elf;
use crate::machine::{Channel, Machine};
use crate::probe;
use crate::qemu::Config;
use crate::transport::Address;

/// How long a test without a limit of its own may take, on a processor.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a boot may take, with emulation.
const BOOT: Duration = Duration::from_secs(60);

/// What test programs end with when a test has failed.
const FAILED: u8 = 101;

/// A file that results are written into, beside what is printed.
#[derive(Clone, Debug)]
pub enum Report {
    /// JUnit's XML.
    Junit(PathBuf),
    /// KTAP.
    Ktap(PathBuf),
}

/// The tests of a kernel, and how they are run.
pub struct Suite {
    images: Vec<Image>,
    channel: Channel,
    configure: Box<dyn Fn(&mut Config)>,
    effort: Effort,
    reports: Vec<Report>,
}

#[derive(Debug)]
struct Image {
    source: Source,
    /// Named, or that which the kernel is for.
    machine: Option<String>,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    /// What `cargo build` makes in a folder, told these arguments.
    Built(PathBuf, Vec<String>),
    /// No image: a guest that is there.
    Guest(Address),
}

/// An image on its machine, with its tests.
#[derive(Debug)]
struct Row {
    /// Before the names of its tests, where there are several rows.
    prefix: String,
    guests: Arc<Guests>,
    tests: Arc<Tests>,
}

impl Suite {
    /// The tests of a kernel that QEMU loads, on the machine that its file is for.
    pub fn new(image: impl Into<PathBuf>) -> Self {
        Self::of(Image { source: Source::File(image.into()), machine: None })
    }

    /// The tests of a kernel that `cargo build`, told these arguments, makes in a folder. That folder alone says for which
    /// target and by which toolchain.
    pub fn built(folder: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.into()).collect();
        Self::of(Image { source: Source::Built(folder.into(), arguments), machine: None })
    }

    /// The tests of an image on a machine, which may be an image that is no ELF file.
    pub fn on(machine: &str, image: impl Into<PathBuf>) -> Self {
        Self::of(Image { source: Source::File(image.into()), machine: Some(machine.into()) })
    }

    /// The tests of a guest that is there, which is neither booted nor switched off.
    pub fn of_guest(address: Address) -> Self {
        Self::of(Image { source: Source::Guest(address), machine: None })
    }

    fn of(image: Image) -> Self {
        let effort =
            Effort { isolation: Isolation::default(), retries: 0, limit: LIMIT, boot_limit: BOOT, live: false };
        Self { images: vec![image], channel: Channel::Virtio, configure: Box::new(|_| {}), effort, reports: Vec::new() }
    }

    /// Also an image on another machine. The names of tests begin with those of their machines then.
    pub fn and_on(mut self, machine: &str, image: impl Into<PathBuf>) -> Self {
        self.images.push(Image { source: Source::File(image.into()), machine: Some(machine.into()) });
        self
    }

    /// How the agent is reached; over virtio-serial where nothing is said.
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channel = channel;
        self
    }

    /// Changes what QEMU gets: memory, devices, firmware, arguments.
    pub fn configure(mut self, configure: impl Fn(&mut Config) + 'static) -> Self {
        self.configure = Box::new(configure);
        self
    }

    /// What keeps a test from another.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.effort.isolation = isolation;
        self
    }

    /// How often a test that failed is run again, in a new guest, before that counts.
    pub fn retries(mut self, retries: u32) -> Self {
        self.effort.retries = retries;
        self
    }

    /// How long a test may take that has no limit of its own. As every limit of a test, it is for a processor: emulation
    /// gets ten times as long, and a slow machine more.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.effort.limit = limit;
        self
    }

    /// How long a boot may take, from the start of QEMU to the agent's first answer; a minute where nothing is said. A slow
    /// machine gets more.
    pub fn boot_limit(mut self, limit: Duration) -> Self {
        self.effort.boot_limit = limit;
        self
    }

    /// Also writes the results into a file.
    pub fn report(mut self, report: Report) -> Self {
        self.reports.push(report);
        self
    }

    /// Does what the command line says, as cargo and nextest want it. Every error is a failure.
    pub fn main(self) -> ExitCode {
        self.run(&Arguments::from_args())
    }

    /// The same with other arguments than this process has.
    pub fn run(mut self, arguments: &Arguments) -> ExitCode {
        self.effort.live = arguments.nocapture;
        match self.results(arguments) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(FAILED),
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::from(FAILED)
            }
        }
    }

    /// Whether all tests that were wanted have passed.
    fn results(&self, arguments: &Arguments) -> Result<bool> {
        let rows = self.rows(arguments.list)?;
        let records = Arc::new(Mutex::new(Vec::new()));
        let seed = RandomState::new().hash_one("seed") as u32;
        let trials: Vec<_> = rows.iter().flat_map(|row| row.trials(&records, seed)).collect();
        if arguments.exact && !arguments.list {
            let found = trials.iter().any(|trial| !arguments.is_filtered_out(trial));
            ensure!(
                found,
                "no test is called {}: `--list` prints the names",
                arguments.filter.as_deref().unwrap_or_default()
            );
        }
        let conclusion = libtest_mimic::run(arguments, trials);
        if arguments.list {
            return Ok(true);
        }
        let errors: Vec<_> = rows.iter().flat_map(|row| row.guests.finish()).collect();
        for error in &errors {
            eprintln!("error: {error:#}");
        }
        let records = records.lock().unwrap_or_else(PoisonError::into_inner);
        for report in &self.reports {
            match report {
                Report::Junit(path) => junit::write(&records, &self.name(), path)?,
                Report::Ktap(path) => ktap::write(&records, path)?,
            }
        }
        Ok(!conclusion.has_failed() && errors.is_empty())
    }

    fn name(&self) -> String {
        let path = self.images.first().map(|image| match &image.source {
            Source::File(path) => path.file_stem().unwrap_or_default().to_string_lossy(),
            Source::Built(..) => "kernel".into(),
            Source::Guest(_) => "guest".into(),
        });
        path.unwrap_or_default().into_owned()
    }

    fn rows(&self, only_listed: bool) -> Result<Vec<Row>> {
        self.images.iter().map(|image| self.row(image, only_listed)).collect()
    }

    fn row(&self, image: &Image, only_listed: bool) -> Result<Row> {
        let path = match &image.source {
            Source::File(path) => path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?,
            Source::Built(folder, arguments) => {
                cargo::build(folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>())?
            }
            Source::Guest(address) => return self.row_of_guest(address),
        };
        // What is loaded by firmware may be no ELF file.
        let kernel = Elf::read(&path);
        let machine = match &image.machine {
            Some(name) => Machine::named(name)?,
            None => kernel.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?.machine()?,
        };
        let mut config = Config::new(machine, self.channel, &path);
        (self.configure)(&mut config);
        config.watched = true;
        config.snapshots = self.effort.isolation == Isolation::Snapshot;
        let kept = Tests::kept(&path);
        if !only_listed || kept.is_none() {
            config.accelerator = probe::chosen_or_best(machine)?;
            eprintln!("The tests of {} run on {machine} under {}.", path.display(), config.accelerator);
        }
        let guests = Guests::new(guests::Source::Boot(Box::new(config)), kernel.ok(), self.effort);
        let tests = match kept {
            Some(tests) => tests,
            None => {
                let tests = guests.tests().with_context(|| format!("{} on {machine}", path.display()))?;
                tests.keep(&path);
                tests
            }
        };
        Ok(self.row_with(machine.name, guests, tests))
    }

    fn row_of_guest(&self, address: &Address) -> Result<Row> {
        let effort = Effort { isolation: Isolation::Suite, ..self.effort };
        let guests = Guests::new(guests::Source::Connection(address.clone()), None, effort);
        let mut tests = guests.tests().with_context(|| format!("the guest at {address}"))?;
        // Nobody boots another guest for the tests behind one that ends this.
        tests.tests.sort_by_key(|test| test.should_panic.is_some());
        Ok(self.row_with("guest", guests, tests))
    }

    fn row_with(&self, name: &str, guests: Guests, tests: Tests) -> Row {
        let prefix = if self.images.len() > 1 { format!("{name}/") } else { String::new() };
        Row { prefix, guests: Arc::new(guests), tests: Arc::new(tests) }
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("images", &self.images).field("effort", &self.effort).finish_non_exhaustive()
    }
}

impl Row {
    fn trials(&self, records: &Arc<Mutex<Vec<Record>>>, seed: u32) -> Vec<Trial> {
        let mut trials = Vec::new();
        for (index, test) in self.tests.tests.iter().enumerate() {
            match test.cases {
                None => trials.push(self.trial(index, None, records, seed)),
                Some(cases) => trials.extend((0..cases).map(|case| self.trial(index, Some(case), records, seed))),
            }
        }
        trials
    }

    fn trial(&self, index: usize, case: Option<u64>, records: &Arc<Mutex<Vec<Record>>>, seed: u32) -> Trial {
        let (guests, tests, records) = (self.guests.clone(), self.tests.clone(), records.clone());
        let test = &self.tests.tests[index];
        let case_name = case.map_or_else(String::new, |case| format!("::case_{case}"));
        let name = format!("{}{}{case_name}", self.prefix, test.name);
        let ignored = test.ignored.is_some();
        let run = {
            let name = name.clone();
            move || {
                let judged = guests.judge(&tests, &tests.tests[index], case, seed);
                let record = Record { name, seed, judged };
                let completion = match &record.judged.verdict {
                    Verdict::Passed => Ok(Completion::Completed),
                    Verdict::Skipped(None) => Ok(Completion::ignored()),
                    Verdict::Skipped(Some(reason)) => Ok(Completion::ignored_with(reason)),
                    Verdict::Failed(_) => Err(Failed::from(record.text().unwrap_or_default())),
                };
                records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
                completion
            }
        };
        Trial::ignorable_test(name, run).with_ignored_flag(ignored)
    }
}
