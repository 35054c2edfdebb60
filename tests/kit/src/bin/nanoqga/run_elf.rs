//! `nanoqga run-elf`: boots a kernel, or runs its tests. What cargo calls as a runner.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use libtest_mimic::Arguments;
use nanoqga_testkit::elf::Elf;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::probe;
use nanoqga_testkit::qemu::{Config, Console};
use nanoqga_testkit::suite::{Isolation, Suite};

use crate::reports::Reports;

/// Where cargo puts the programs of tests.
const TESTS_FOLDER: &str = "deps";

/// Boot a kernel with its console on this terminal, or run its tests
///
/// As `runner = "nanoqga run-elf"` in a kernel's .cargo/config.toml it makes `cargo run` boot the kernel, and `cargo test` run its tests:
/// cargo's programs of tests lie in folders called deps. Then what is behind the kernel is what test programs get: a filter,
/// --exact, --skip, --list, --ignored, --test-threads, --format.
///
/// The agent has a virtio-serial port unless another channel is chosen. NANOQGA_ACCEL says what runs the guest: tcg (emulation), kvm, hvf
/// or auto, which is the default.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run its tests, wherever the file lies
    #[arg(long, conflicts_with = "boot")]
    test: bool,
    /// Boot it, wherever the file lies
    #[arg(long)]
    boot: bool,
    /// One of QEMU's machines, such as q35, microvm, aarch64-virt or riscv64-virt-pcie; that which the file is for when none is named.
    /// Tests run on all that are named, and their names begin with those
    #[arg(long = "machine", value_name = "MACHINE", env = "NANOQGA_MACHINE", value_delimiter = ',')]
    machines: Vec<String>,
    /// How the agent is reached
    #[arg(long, value_enum, default_value = "virtio", env = "NANOQGA_CHANNEL")]
    channel: ChannelName,
    /// The guest's memory, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    memory: u32,
    /// The kernel's command line
    #[arg(long, value_name = "TEXT", default_value = "")]
    append: String,
    /// One of QEMU's own arguments, after all others; may be given again
    #[arg(long = "qemu", value_name = "ARGUMENT", allow_hyphen_values = true)]
    qemu: Vec<String>,
    /// What keeps a test from another
    #[arg(long, value_enum, default_value = "suite")]
    isolation: IsolationName,
    /// How often a test that failed is run again, in a new guest, before that counts
    #[arg(long, default_value_t = 0)]
    retries: u32,
    /// How many seconds a test without a limit of its own may take on a processor; emulation gets ten times as long
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    limit: u64,
    /// How many seconds a boot may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    boot_limit: u64,
    #[command(flatten)]
    reports: Reports,
    /// The kernel: an ELF file that QEMU loads
    kernel: PathBuf,
    /// What its tests get
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ChannelName {
    /// A virtio-serial port
    Virtio,
    /// A 16550 beside the console: COM2, or on PCI
    Uart,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum IsolationName {
    /// Nothing: a guest runs one test after another
    Suite,
    /// The guest's state right after its boot, which it is put back into before each
    Snapshot,
    /// A boot for each
    Boot,
}

pub(crate) fn main(args: Args) -> Result<ExitCode> {
    let in_tests_folder = args.kernel.parent().and_then(Path::file_name).is_some_and(|name| name == TESTS_FOLDER);
    if args.test || (in_tests_folder && !args.boot) { Ok(test(args)) } else { boot(&args) }
}

fn test(args: Args) -> ExitCode {
    let name = args.kernel.display().to_string();
    let arguments = Arguments::from_iter([&name].into_iter().chain(&args.arguments));
    let mut suite = match args.machines.split_first() {
        Some((first, others)) => {
            let suite = Suite::on(first, &args.kernel);
            others.iter().fold(suite, |suite, machine| suite.and_on(machine, &args.kernel))
        }
        None => Suite::new(&args.kernel),
    };
    suite = suite.channel(args.channel.into()).isolation(args.isolation.into()).retries(args.retries);
    suite = suite.limit(Duration::from_secs(args.limit)).boot_limit(Duration::from_secs(args.boot_limit));
    suite = args.reports.clone().of(suite);
    suite.configure(move |config| args.configure(config)).run(&arguments)
}

fn boot(args: &Args) -> Result<ExitCode> {
    let machine = match &args.machines[..] {
        [] => Elf::read(&args.kernel)?.machine()?,
        [name] => Machine::named(name)?,
        _ => bail!("a kernel boots on one machine at a time: name one"),
    };
    let kernel = args.kernel.canonicalize().with_context(|| format!("cannot find {}", args.kernel.display()))?;
    let mut config = Config::new(machine, args.channel.into(), &kernel);
    args.configure(&mut config);
    config.console = Console::Terminal;
    config.accelerator = probe::chosen_or_best(machine)?;
    let mut guest = Guest::start(&config)?;
    let socket = guest.folder().join("agent0.sock");
    eprintln!(
        "{machine} under {}; Ctrl-A X ends it. Its agent: nanoqga --socket {} info",
        config.accelerator,
        socket.display()
    );
    let status = guest.ended()?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
}

impl Args {
    fn configure(&self, config: &mut Config) {
        config.memory_kib = self.memory << 10;
        config.append.clone_from(&self.append);
        for argument in &self.qemu {
            config.word(argument);
        }
    }
}

impl From<ChannelName> for Channel {
    fn from(name: ChannelName) -> Self {
        match name {
            ChannelName::Virtio => Self::Virtio,
            ChannelName::Uart => Self::Com2,
        }
    }
}

impl From<IsolationName> for Isolation {
    fn from(name: IsolationName) -> Self {
        match name {
            IsolationName::Suite => Self::Suite,
            IsolationName::Snapshot => Self::Snapshot,
            IsolationName::Boot => Self::Boot,
        }
    }
}
