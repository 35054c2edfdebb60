//! What the agent is told on its command line and in its configuration file: qemu-ga's own options, names and defaults.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::channel::Method;
use crate::getopt::{Known, Takes, Words};
use crate::key_file;

/// The version of QEMU whose agent's commands and options these are.
const VERSION: &str = match option_env!("NANOQGA_REPORT_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

const CONFIG: &str = "/etc/qemu/qemu-ga.conf";
const PID_FILE: &str = "/var/run/qemu-ga.pid";
const STATE_DIR: &str = "/var/run";
const FSFREEZE_HOOK: &str = "/etc/qemu/fsfreeze-hook";
/// In seconds. Backups that take longer are not unheard of, but need a longer limit.
const FREEZE_SECONDS: u32 = 600;
/// In bytes, as qemu-ga's.
const REQUEST_BYTES: u32 = 64 << 20;

const KNOWN: [Known; 24] = [
    ('m', "method", Takes::Value),
    ('p', "path", Takes::Value),
    ('l', "logfile", Takes::Value),
    ('f', "pidfile", Takes::Value),
    ('F', "fsfreeze-hook", Takes::Optional),
    ('t', "statedir", Takes::Value),
    ('v', "verbose", Takes::Nothing),
    ('V', "version", Takes::Nothing),
    ('d', "daemonize", Takes::Nothing),
    ('b', "block-rpcs", Takes::Value),
    ('b', "blacklist", Takes::Value),
    ('a', "allow-rpcs", Takes::Value),
    ('c', "config", Takes::Value),
    ('D', "dump-conf", Takes::Nothing),
    ('r', "retry-path", Takes::Nothing),
    ('h', "help", Takes::Nothing),
    // Not qemu-ga's.
    (INIT, "init", Takes::Nothing),
    (MODULES, "modules", Takes::Value),
    (PAYLOAD, "payload", Takes::Value),
    (REPORT_VERSION, "report-version", Takes::Value),
    (FREEZE_LIMIT, "freeze-limit", Takes::Value),
    (REQUEST_LIMIT, "request-limit", Takes::Value),
    (ALLOW_PATH, "allow-path", Takes::Value),
    (BLOCK_PATH, "block-path", Takes::Value),
];
const INIT: char = '\u{1}';
const MODULES: char = '\u{2}';
const PAYLOAD: char = '\u{3}';
const REPORT_VERSION: char = '\u{4}';
const FREEZE_LIMIT: char = '\u{5}';
const REQUEST_LIMIT: char = '\u{6}';
const ALLOW_PATH: char = '\u{7}';
const BLOCK_PATH: char = '\u{8}';

/// What the agent is to do.
#[derive(Debug)]
pub enum Task {
    /// Serve a channel.
    Serve(Box<Options>),
    /// Print this.
    Print(String),
    /// Print the names of all commands.
    ListCommands,
}

/// Why there is nothing to do: what is said on stderr, and on stdout.
#[derive(Debug, Default)]
pub struct Refusal {
    /// What is wrong.
    pub complaint: String,
    /// What would help.
    pub hint: String,
}

/// All that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What kind of channel; see [`Method`].
    pub method: String,
    /// The channel's device, socket or address. Empty is what the method has by itself.
    pub path: String,
    /// The log, if it is not stderr.
    pub log_file: Option<String>,
    /// The file with the process's number, for a daemon.
    pub pid_file: String,
    /// What runs before a freeze and after a thaw.
    pub fsfreeze_hook: Option<String>,
    /// How many seconds file systems stay frozen at most, and the hook may take, if not as many as usual. 0 is no limit.
    pub freeze_limit: Option<u32>,
    /// How many bytes a request may have, if not as many as usual.
    pub request_limit: Option<u32>,
    /// The directory for what outlives the agent.
    pub state_dir: String,
    /// Whether everything is logged.
    pub verbose: bool,
    /// Whether to go to the background.
    pub daemon: bool,
    /// Whether a channel that cannot be opened, or fails, is opened again.
    pub retry_path: bool,
    /// The commands that are disabled.
    pub block: Vec<String>,
    /// The only commands that are not, if there are any here.
    pub allow: Vec<String>,
    /// The folders and files in which a host may open files, if not in all.
    pub allow_path: Vec<String>,
    /// Those in which it may not.
    pub block_path: Vec<String>,
    /// The version that `guest-info` tells, if not the agent's own.
    pub report_version: Option<String>,
    /// Whether this is the system's first process.
    pub init: bool,
    /// The directory of kernel modules that the first process loads.
    pub modules: Option<String>,
    /// The program that the first process runs, and its arguments.
    pub payload: Vec<String>,
}

/// What surrounds the command line.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// Gives a file's text, or what is wrong with it; `None` if there is no such file.
    pub read: fn(&str) -> Option<Result<String, String>>,
    /// `QGA_CONF` in the environment.
    pub config: Option<&'a str>,
    /// What kind of channel systemd has passed, if it has.
    pub activated: Option<Method>,
    /// Whether this is the process with the number 1.
    pub first_process: bool,
}

impl Task {
    /// What a command line, its program's name first, asks for.
    ///
    /// # Errors
    /// Why it cannot be obeyed.
    pub fn parse(line: &[&str], surroundings: &Surroundings<'_>) -> Result<Self, Refusal> {
        let (program, words) = line.split_first().map_or(("qemu-ga", line), |(program, words)| (*program, words));
        let misused = |error| Refusal {
            complaint: format!("{program}: {error}"),
            hint: format!("Unknown option, try '{program} --help' for more information."),
        };
        let failed = |complaint| Refusal { complaint, hint: String::new() };

        let mut options = Options { init: surroundings.first_process, ..Options::default() };
        options.load(surroundings, given_config(words)).map_err(failed)?;
        let mut dump = false;
        let mut rest = Words::new(&KNOWN, words);
        while let Some((letter, value)) = rest.option().map_err(misused)? {
            let text = || value.unwrap_or_default().to_owned();
            match letter {
                'm' => options.method = text(),
                'p' => options.path = text(),
                'l' => options.log_file = Some(text()),
                'f' => options.pid_file = text(),
                'F' => options.fsfreeze_hook = Some(value.unwrap_or(FSFREEZE_HOOK).into()),
                't' => options.state_dir = text(),
                'v' => options.verbose = true,
                'V' => return Ok(Self::Print(format!("QEMU Guest Agent {VERSION}\n"))),
                'd' => options.daemon = true,
                'a' | 'b' if matches!(value, Some("help" | "?")) => return Ok(Self::ListCommands),
                'b' => extend(&mut options.block, &text()),
                'a' => extend(&mut options.allow, &text()),
                'D' => dump = true,
                'r' => options.retry_path = true,
                'h' => return Ok(Self::Print(help(program))),
                INIT => options.init = true,
                MODULES => options.modules = Some(text()),
                // A kernel passes nothing on that stands after a second `--`.
                PAYLOAD => options.payload = text().split_whitespace().map(ToOwned::to_owned).collect(),
                REPORT_VERSION => options.report_version = Some(text()),
                REQUEST_LIMIT => options.request_limit = Some(number("request-limit", &text()).map_err(failed)?),
                FREEZE_LIMIT => options.freeze_limit = Some(number("freeze-limit", &text()).map_err(failed)?),
                ALLOW_PATH => extend(&mut options.allow_path, &text()),
                BLOCK_PATH => extend(&mut options.block_path, &text()),
                // -c was obeyed already.
                _ => {}
            }
        }
        if !rest.rest().is_empty() {
            options.payload = rest.rest().iter().map(ToString::to_string).collect();
        }
        options.complete(surroundings.activated).map_err(failed)?;
        Ok(if dump { Self::Print(options.dump()) } else { Self::Serve(Box::new(options)) })
    }
}

/// The value of -c, if it is given. What is wrong with the line is found when it is read again.
fn given_config<'a>(words: &'a [&'a str]) -> Option<&'a str> {
    let mut words = Words::new(&KNOWN, words);
    let mut config = None;
    while let Ok(Some((letter, value))) = words.option() {
        if letter == 'c' {
            config = value;
        }
    }
    config
}

/// The number that an option or a key has as its value.
fn number(name: &str, text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| format!("{name}: '{text}' is no number from 0 to {}", u32::MAX))
}

/// Adds a list with commas between, last first, as qemu-ga keeps them and tells them.
fn extend(list: &mut Vec<String>, text: &str) {
    if !text.is_empty() {
        list.extend(text.rsplit(',').map(ToOwned::to_owned));
    }
}

impl Options {
    /// The version that is told.
    #[must_use]
    pub fn version(&self) -> &str {
        self.report_version.as_deref().unwrap_or(VERSION)
    }

    /// How many seconds file systems stay frozen at most; 0 is no limit.
    #[must_use]
    pub fn freeze_seconds(&self) -> u32 {
        self.freeze_limit.unwrap_or(FREEZE_SECONDS)
    }

    /// How many bytes a request may have.
    #[must_use]
    pub fn longest_request(&self) -> usize {
        self.request_limit.unwrap_or(REQUEST_BYTES) as usize
    }

    /// Loads the configuration file. Only one that was asked for on the command line must exist.
    fn load(&mut self, surroundings: &Surroundings<'_>, given: Option<&str>) -> Result<(), String> {
        let path = given.or(surroundings.config).unwrap_or(CONFIG);
        let explained = |error| format!("error loading configuration from path: {path}, {error}");
        let text = match (surroundings.read)(path) {
            None if given.is_some() => return Err(explained("No such file or directory".to_owned())),
            None => return Ok(()),
            Some(text) => text.map_err(explained)?,
        };
        key_file::group(&text, "general", |key, value| self.set(key, value)).map_err(explained)
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), String> {
        match key {
            "daemon" => self.daemon = key_file::boolean(key, &value)?,
            "method" => self.method = value,
            "path" => self.path = value,
            "logfile" => self.log_file = Some(value),
            "pidfile" => self.pid_file = value,
            "fsfreeze-hook" => self.fsfreeze_hook = Some(value),
            "statedir" => self.state_dir = value,
            "verbose" => self.verbose = key_file::boolean(key, &value)?,
            "retry-path" => self.retry_path = key_file::boolean(key, &value)?,
            "block-rpcs" | "blacklist" => extend(&mut self.block, &value),
            "allow-rpcs" => extend(&mut self.allow, &value),
            "allow-path" => extend(&mut self.allow_path, &value),
            "block-path" => extend(&mut self.block_path, &value),
            "report-version" => self.report_version = Some(value),
            "request-limit" => self.request_limit = Some(number(key, &value)?),
            "freeze-limit" => self.freeze_limit = Some(number(key, &value)?),
            // Others may have keys of their own in the file.
            _ => {}
        }
        Ok(())
    }

    /// Gives what was left out its default.
    fn complete(&mut self, activated: Option<Method>) -> Result<(), String> {
        for (text, default) in
            [(&mut self.method, "virtio-serial"), (&mut self.pid_file, PID_FILE), (&mut self.state_dir, STATE_DIR)]
        {
            if text.is_empty() {
                *text = default.into();
            }
        }
        if let Some(path) = self.allow_path.iter().chain(&self.block_path).find(|path| !path.starts_with('/')) {
            return Err(format!("a path that is allowed or blocked must begin with '/': '{path}'"));
        }
        if let Some(method) = activated {
            self.method = method.name().into();
            self.path.clear();
        } else if self.path.is_empty() {
            let default = Method::named(&self.method).and_then(Method::default_path);
            self.path = default.ok_or("must specify a path for this channel")?.into();
        }
        Ok(())
    }

    /// The configuration file that says the same.
    fn dump(&self) -> String {
        let mut text = "[general]\n".to_owned();
        let mut add = |key, value: Option<&str>| {
            if let Some(value) = value {
                key_file::add(&mut text, key, value);
            }
        };
        let joined = |list: &[String]| (!list.is_empty()).then(|| list.join(","));
        let flag = |flag| Some(if flag { "true" } else { "false" });
        add("daemon", flag(self.daemon));
        add("method", Some(&self.method));
        add("path", Some(&*self.path).filter(|path| !path.is_empty()));
        add("logfile", self.log_file.as_deref());
        add("pidfile", Some(&self.pid_file));
        add("fsfreeze-hook", self.fsfreeze_hook.as_deref());
        add("statedir", Some(&self.state_dir));
        add("verbose", flag(self.verbose));
        add("retry-path", flag(self.retry_path));
        add("block-rpcs", Some(&self.block.join(",")));
        add("allow-rpcs", Some(&self.allow.join(",")));
        add("allow-path", joined(&self.allow_path).as_deref());
        add("block-path", joined(&self.block_path).as_deref());
        add("report-version", self.report_version.as_deref());
        add("request-limit", self.request_limit.map(|bytes| bytes.to_string()).as_deref());
        add("freeze-limit", self.freeze_limit.map(|seconds| seconds.to_string()).as_deref());
        text
    }
}

fn help(program: &str) -> String {
    let [virtio, isa, xen] =
        [Method::VirtioSerial, Method::IsaSerial, Method::Xen].map(|method| method.default_path().unwrap_or_default());
    format!(
        "\
Usage: {program} [-m METHOD -p PATH] [OPTION]...
nanoqga {VERSION}: a QEMU guest agent

  -m, --method METHOD     virtio-serial (the default), isa-serial, xen, unix-listen or vsock-listen
  -p, --path PATH         the channel's device or socket; CID:PORT for vsock-listen
                          virtio-serial: {virtio}, or the port of that name,
                          or Xen's console of that name
                          isa-serial: {isa}
                          xen: {xen}, a console's name, or its device
  -l, --logfile FILE      log to FILE instead of stderr
  -f, --pidfile FILE      the daemon's process id goes here ({PID_FILE})
  -F, --fsfreeze-hook[=PROGRAM]
                          run PROGRAM with 'freeze' or 'thaw' before and after ({FSFREEZE_HOOK})
  -t, --statedir DIR      where state is kept ({STATE_DIR})
  -v, --verbose           log everything
  -V, --version           print the version
  -d, --daemonize         go to the background
  -b, --block-rpcs LIST   commands to disable, with commas between; 'help' lists all there are
  -a, --allow-rpcs LIST   commands to enable, all others are disabled; 'help' lists all there are
  -c, --config FILE       configuration file ({CONFIG}, or QGA_CONF in the environment)
  -D, --dump-conf         print the configuration as such a file
  -r, --retry-path        open the path again when it is not there or fails
  -h, --help              print this

  --allow-path LIST       folders and files that hosts may open files in, with commas between; all others are refused
  --block-path LIST       folders and files that hosts may not open files in
  --report-version TEXT   the version that guest-info tells
  --request-limit BYTES   refuse requests that are longer ({REQUEST_BYTES})
  --freeze-limit SECONDS  thaw file systems by itself after so long, and end a hook that takes longer ({FREEZE_SECONDS}); 0 for never
  --init [-- PROGRAM [ARGUMENT]...]
                          be the first process of a system, and run PROGRAM, again when it ends; process 1 needs no --init
  --payload LINE          the same, in one word: PROGRAM and its arguments with spaces between
  --modules DIR           first load the kernel modules in DIR, in the order of their names
"
    )
}

#[cfg(test)]
mod tests;
