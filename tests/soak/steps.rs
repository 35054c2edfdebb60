//! What hosts do, one step at a time, and what must come of it.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use nanoqga_testkit::client::{request_line, shown};
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tests::hostile::Noise;
use tests::soon;
use tests::time::{SECOND, host_time};

use crate::guests::{ADDRESS, Kind, Running};
use crate::memory::{FIRST, Memory};
use crate::model::{Clock, Due, MODES, Model, NAMES};

/// As many files are open at most.
const MOST_OPEN: usize = 6;

/// How far from the host's time a clock is set, in seconds.
const YEARS: usize = 10 * 365 * 24 * 3600;

/// One kind of step, and how often it is taken beside the others.
struct Step {
    name: &'static str,
    weight: usize,
    /// Whether it is for guests whose file systems are frozen, too.
    when_frozen: bool,
    run: fn(&mut Soak) -> Result<()>,
}

const fn step(name: &'static str, weight: usize, run: fn(&mut Soak) -> Result<()>) -> Step {
    Step { name, weight, when_frozen: false, run }
}

const fn always(name: &'static str, weight: usize, run: fn(&mut Soak) -> Result<()>) -> Step {
    Step { name, weight, when_frozen: true, run }
}

static STEPS: [Step; 18] = [
    step("open", 300, Soak::open),
    step("close", 150, Soak::close),
    step("read", 700, Soak::read),
    step("write", 700, Soak::write),
    step("seek", 700, Soak::seek),
    step("flush", 100, Soak::flush),
    step("a stale handle", 50, Soak::use_stale_handle),
    step("a whole file", 50, Soak::read_whole_file),
    step("question", 400, Soak::ask_again),
    step("clock", 100, Soak::clock),
    step("what this guest has", 100, Soak::own),
    step("freeze", 30, Soak::freeze),
    always("many at once", 100, Soak::many_at_once),
    always("host leaves", 100, Soak::host_leaves),
    always("memory", 10, Soak::memory),
    always("snapshot", 10, Soak::snapshot),
    step("sleep", 10, Soak::sleep),
    always("migration", 3, Soak::migrate),
];

/// What is asked for again and again and always answered alike. Of these members, others may change.
const QUESTIONS: [&str; 11] = [
    "guest-info",
    "guest-get-host-name",
    "guest-get-osinfo",
    "guest-get-timezone",
    "guest-get-vcpus",
    "guest-get-memory-blocks",
    "guest-get-users",
    "guest-get-disks",
    "guest-get-fsinfo",
    "guest-network-get-interfaces",
    "guest-network-get-route",
];
const CHANGING: [&str; 2] = ["statistics", "used-bytes"];

/// What is answered differently each time.
const COUNTERS: [&str; 4] = ["guest-get-cpustats", "guest-get-load", "guest-get-diskstats", "guest-fstrim"];

/// What a frozen guest refuses.
const HELD_BACK: [&str; 6] = [
    "guest-fsfreeze-freeze",
    "guest-fstrim",
    "guest-file-write",
    "guest-file-open",
    "guest-suspend-ram",
    "guest-get-fsinfo",
];

/// A guest, the model of it, and what chance is left.
pub struct Soak {
    kind: &'static Kind,
    running: Running,
    model: Model,
    /// The model of the snapshot, and when that was taken.
    saved: Option<(Model, i64)>,
    /// The first replies, with the address of then.
    replies: BTreeMap<(&'static str, String), Value>,
    memory: Memory,
    noise: Noise,
}

impl Soak {
    /// Boots a guest.
    pub fn start(kind: &'static Kind, seed: u64) -> Result<Self> {
        let mut soak = Self {
            kind,
            running: Running::start(kind)?,
            model: Model::new(ADDRESS),
            saved: None,
            replies: BTreeMap::new(),
            memory: Memory::default(),
            noise: Noise::new(seed),
        };
        if kind.is_linux {
            soak.run("mkdir /data && mount -t ext4 /dev/vda /data", b"")?;
        }
        // Before the first snapshot: what is asked, frozen and plugged for the first time needs memory and descriptors.
        QUESTIONS.iter().chain(&COUNTERS).try_for_each(|command| soak.ask(command, json!({})).map(drop))?;
        soak.freeze()?;
        soak.thaw()?;
        (0..FIRST).try_for_each(|_| soak.memory())?;
        Ok(soak)
    }

    /// Takes a step; returns its name.
    pub fn step(&mut self) -> Result<&'static str> {
        let mut number = self.noise.below(STEPS.iter().map(|step| step.weight).sum());
        let step = STEPS.iter().find(|step| number.checked_sub(step.weight).map(|rest| number = rest).is_none());
        let step = step.context("a number below the sum of all weights")?;
        let (name, run) = if self.model.is_frozen && !step.when_frozen {
            ("frozen", Self::held_back as fn(&mut Self) -> Result<()>)
        } else {
            (step.name, step.run)
        };
        run(self).with_context(|| format!("{name}{}", self.running.tails()))?;
        Ok(name)
    }

    /// Closes all files, reads them, switches the guest off, and looks into its disk. Tells what was measured.
    pub fn end(mut self) -> Result<String> {
        if self.model.is_frozen {
            self.thaw()?;
        }
        while !self.model.open.is_empty() {
            self.close()?;
        }
        self.memory()?;
        let channel = self.channel();
        let told = format!("{}; {} hosts connected again", self.memory, self.running.forgotten);
        let disk = self.running.goes_down(channel)?;
        if self.kind.is_linux {
            disk.run("e2fsck", &["-f", "-n", "@"])?;
        } else {
            disk.is_clean()?;
        }
        for (name, content) in self.model.files() {
            let found = if self.kind.is_linux {
                let copy = disk.folder().join("content");
                disk.run("debugfs", &["-R", &format!("dump \"/{name}\" {}", copy.display()), "@"])?;
                fs::read(copy)?
            } else {
                disk.get(name)?
            };
            ensure!(found == content, "{name} has {} bytes on the disk, and not its {}", found.len(), content.len());
        }
        Ok(told)
    }

    fn channel(&mut self) -> usize {
        self.noise.below(self.running.channels())
    }

    /// Asks at any channel. Returns the value, or the text of the error.
    fn ask(&mut self, command: &str, arguments: Value) -> Result<Result<Value, String>> {
        let (channel, request) = (self.channel(), request_line(command, Some(&arguments)));
        let reply = self.running.agent(channel).request(&request, soon())?;
        let mut json = reply.json()?;
        match (json.get_mut("return").map(Value::take), json["error"]["desc"].as_str()) {
            (Some(value), None) => Ok(Ok(value)),
            (None, Some(text)) => Ok(Err(text.to_owned())),
            _ => bail!("{request} was answered by {}", reply.beginning()),
        }
    }

    fn value(&mut self, command: &str, arguments: Value) -> Result<Value> {
        self.ask(command, arguments)?.map_err(|text| anyhow::anyhow!("{command} was refused: {text}"))
    }

    fn is_answered(&mut self, command: &str, arguments: Value, due: &Due) -> Result<()> {
        let shown = arguments.to_string().chars().take(100).collect::<String>();
        let reply = self.ask(command, arguments)?;
        let is_right = match (&reply, due) {
            (Ok(value), Due::Value(expected)) => value == expected,
            (Err(text), Due::Refusal(end)) => text.ends_with(end),
            _ => false,
        };
        ensure!(is_right, "{command} {shown} was answered by {reply:?}, and not by {due:?}");
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.kind.folder)
    }
}

/// Files.
impl Soak {
    fn open(&mut self) -> Result<()> {
        let (name, mode) = (*self.noise.one_of(&NAMES), *self.noise.one_of(&MODES));
        if self.model.open.len() == MOST_OPEN {
            return self.close();
        }
        let arguments = json!({"path": self.path(name), "mode": mode});
        if !self.model.can_open(name, mode) {
            return self.is_answered("guest-file-open", arguments, &Due::Refusal("No such file or directory"));
        }
        let handle = self.value("guest-file-open", arguments)?;
        self.model.opened(name, mode, handle.as_i64().with_context(|| format!("{handle} is no handle"))?)
    }

    /// The index and the handle of an open file, if there is one.
    fn any_open(&mut self) -> Option<(usize, i64)> {
        let count = self.model.open.len();
        let index = if count > 0 { self.noise.below(count) } else { return None };
        Some((index, self.model.open[index].handle))
    }

    fn close(&mut self) -> Result<()> {
        let Some((index, handle)) = self.any_open() else { return Ok(()) };
        self.model.open.remove(index);
        self.is_answered("guest-file-close", json!({"handle": handle}), &Due::Value(json!({})))
    }

    /// A length: short ones mostly.
    fn length(&mut self) -> usize {
        let most = *self.noise.one_of(&[2, 100, 600, 5_000, 60_000]);
        self.noise.below(most)
    }

    fn read(&mut self) -> Result<()> {
        let Some((index, handle)) = self.any_open() else { return Ok(()) };
        let count = 1 + self.length();
        let due = self.model.read(index, count);
        self.is_answered("guest-file-read", json!({"handle": handle, "count": count}), &due)
    }

    fn write(&mut self) -> Result<()> {
        let Some((index, handle)) = self.any_open() else { return Ok(()) };
        let length = 1 + self.length();
        if !self.model.has_room(index, length) {
            return Ok(());
        }
        let bytes = self.noise.bytes(length);
        let due = self.model.write(index, &bytes);
        self.is_answered("guest-file-write", json!({"handle": handle, "buf-b64": BASE64.encode(&bytes)}), &due)
    }

    fn seek(&mut self) -> Result<()> {
        let Some((index, handle)) = self.any_open() else { return Ok(()) };
        let (offset, whence) = (self.length() as i64 - self.length() as i64, self.noise.below(3));
        let due = self.model.seek(index, offset, whence);
        let whence = if self.noise.one_in(2) { json!(whence) } else { json!(["set", "cur", "end"][whence]) };
        self.is_answered("guest-file-seek", json!({"handle": handle, "offset": offset, "whence": whence}), &due)
    }

    fn flush(&mut self) -> Result<()> {
        let Some((_, handle)) = self.any_open() else { return Ok(()) };
        self.is_answered("guest-file-flush", json!({"handle": handle}), &Due::Value(json!({})))
    }

    fn use_stale_handle(&mut self) -> Result<()> {
        let handle = self.model.last_handle - self.noise.below(100) as i64;
        if self.model.open.iter().any(|file| file.handle == handle) {
            return Ok(());
        }
        let command = *self.noise.one_of(&["guest-file-read", "guest-file-close", "guest-file-flush"]);
        self.is_answered(command, json!({"handle": handle}), &Due::Refusal("has not been found"))
    }

    fn read_whole_file(&mut self) -> Result<()> {
        let name = *self.noise.one_of(&NAMES);
        let Some(content) = self.model.file(name).map(<[u8]>::to_vec) else { return Ok(()) };
        let handle = self.value("guest-file-open", json!({"path": self.path(name)}))?;
        self.model.opened(name, "r", handle.as_i64().unwrap_or_default())?;
        let due = json!({"count": content.len(), "buf-b64": BASE64.encode(&content), "eof": true});
        let read = json!({"handle": handle, "count": content.len() + 1});
        self.is_answered("guest-file-read", read, &Due::Value(due)).context(name)?;
        self.model.open.pop();
        self.is_answered("guest-file-close", json!({"handle": handle}), &Due::Value(json!({})))
    }
}

/// What is not about files.
impl Soak {
    fn ask_again(&mut self) -> Result<()> {
        if self.noise.one_in(4) {
            let command = *self.noise.one_of(&COUNTERS);
            return self.value(command, json!({})).map(drop);
        }
        let command = *self.noise.one_of(&QUESTIONS);
        // After a sleep, a guest had another address by DHCP than before, twice. Why is not known.
        if command.starts_with("guest-network") && self.model.address != ADDRESS {
            return self.value(command, json!({})).map(drop);
        }
        let reply = self.ask(command, json!({}))?;
        let mut reply = reply.unwrap_or_else(|text| json!({"refused": text}));
        without_changes(&mut reply);
        let first = self.replies.entry((command, self.model.address.clone())).or_insert_with(|| reply.clone());
        ensure!(*first == reply, "{command} was answered by {first}, and now by {reply}");
        Ok(())
    }

    fn any_time(&mut self) -> Result<i64> {
        Ok(host_time()? + (self.noise.below(2 * YEARS) as i64 - YEARS as i64) * SECOND)
    }

    fn clock(&mut self) -> Result<()> {
        match self.noise.below(4) {
            0 => {
                let time = self.any_time()?;
                let set = || self.value("guest-set-time", json!({"time": time})).map(drop);
                self.model.clock = Clock::is_set(time, set)?;
            }
            1 => {
                // From the machine's clock, which is set with the guest's.
                self.value("guest-set-time", json!({}))?;
                self.model.clock.was_rounded();
            }
            _ => {}
        }
        let clock = self.model.clock;
        clock.is_read(|| self.value("guest-get-time", json!({}))?.as_i64().context("a time is an integer"))
    }

    fn freeze(&mut self) -> Result<()> {
        self.is_answered("guest-fsfreeze-status", json!({}), &Due::Value("thawed".into()))?;
        self.is_answered("guest-fsfreeze-thaw", json!({}), &Due::Value(0.into()))?;
        self.is_answered("guest-fsfreeze-freeze", json!({}), &Due::Value(1.into()))?;
        self.model.is_frozen = true;
        Ok(())
    }

    fn thaw(&mut self) -> Result<()> {
        self.is_answered("guest-fsfreeze-thaw", json!({}), &Due::Value(1.into()))?;
        self.model.is_frozen = false;
        Ok(())
    }

    /// What a host may do in place of a step for which file systems must not be frozen.
    fn held_back(&mut self) -> Result<()> {
        if self.noise.one_in(10) {
            return self.thaw();
        }
        self.is_answered("guest-fsfreeze-status", json!({}), &Due::Value("frozen".into()))?;
        let command = *self.noise.one_of(&HELD_BACK);
        let refusal = "has been disabled: the command is not allowed";
        self.is_answered(command, json!({}), &Due::Refusal(refusal))
    }

    /// What only this kind of guest has.
    fn own(&mut self) -> Result<()> {
        match (self.kind.is_linux, self.noise.one_in(2)) {
            (true, true) => self.run_program(),
            (true, false) => self.change_keys(),
            (false, true) => {
                let program = json!({"path": "/bin/true"});
                self.is_answered("guest-exec", program, &Due::Refusal("(this guest runs no programs)"))
            }
            (false, false) => self.configure_card(),
        }
    }

    fn run_program(&mut self) -> Result<()> {
        let length = self.length();
        let input = self.noise.bytes(length);
        let output = self.run("cat", &input)?;
        ensure!(output == input, "a program that copies {length} bytes wrote {}", shown(&output));
        Ok(())
    }

    /// Runs a shell script to its end; returns what it wrote.
    fn run(&mut self, script: &str, input: &[u8]) -> Result<Vec<u8>> {
        let script = format!("busybox {}", script.replace("&& ", "&& busybox "));
        let program = json!({"path": "/bin/busybox", "arg": ["sh", "-c", script], "capture-output": true,
            "input-data": BASE64.encode(input)});
        let pid = self.value("guest-exec", program)?["pid"].take();
        let status = soon().poll("the end of a program", || {
            let status = self.value("guest-exec-status", json!({"pid": pid}))?;
            Ok((status["exited"] == true).then_some(status))
        })?;
        ensure!(status["exitcode"] == 0, "{script}: {status}");
        Ok(BASE64.decode(status["out-data"].as_str().unwrap_or_default())?)
    }

    fn change_keys(&mut self) -> Result<()> {
        let key = format!("ssh-ed25519 AAAA key-{}", self.noise.below(10));
        let arguments = json!({"username": "root", "keys": [key]});
        let keys = &mut self.model.keys;
        let command = match keys.iter().position(|kept| *kept == key) {
            Some(place) => {
                keys.remove(place);
                "guest-ssh-remove-authorized-keys"
            }
            None => {
                keys.push(key);
                "guest-ssh-add-authorized-keys"
            }
        };
        self.is_answered(command, arguments, &Due::Value(json!({})))?;
        let keys = Due::Value(json!({"keys": self.model.keys}));
        self.is_answered("guest-ssh-get-authorized-keys", json!({"username": "root"}), &keys)
    }

    /// The network card gets its address from a DHCP server, which chooses it, or the one that it had at first.
    fn configure_card(&mut self) -> Result<()> {
        let leases = self.model.address == ADDRESS;
        let arguments = match leases {
            true => json!({"name": "eth0", "dhcp": true}),
            false => json!({"name": "eth0", "address": ADDRESS, "prefix": 24, "gateway": "10.0.2.2"}),
        };
        self.value("nanoqga-network-configure", arguments)?;
        let told = self.value("guest-network-get-interfaces", json!({}))?;
        let address = told[0]["ip-addresses"][0]["ip-address"].as_str().context("the card has no address")?;
        ensure!(leases != (address == ADDRESS), "the address is {address}, where it was {}", self.model.address);
        self.model.address = address.into();
        Ok(())
    }

    /// Requests at all channels at once, and their replies in order.
    fn many_at_once(&mut self) -> Result<()> {
        let count = 1 + self.noise.below(100);
        let all = 0..self.running.channels();
        let requests: String = (0..count).map(|id| format!("{{\"execute\":\"guest-ping\",\"id\":{id}}}\n")).collect();
        all.clone().try_for_each(|channel| self.running.agent(channel).send(requests.as_bytes(), soon()))?;
        for id in 0..count {
            for channel in all.clone() {
                let line = self.running.agent(channel).line(soon())?;
                let due = format!("{{\"return\": {{}}, \"id\": {id}}}");
                ensure!(line == due.as_bytes(), "{due} was due, but there came {}", shown(&line));
            }
        }
        Ok(())
    }

    /// A host leaves, with replies that it has not read, and in the middle of a message.
    fn host_leaves(&mut self) -> Result<()> {
        let channel = self.channel();
        let mut said = Vec::new();
        for _ in 0..self.noise.below(4) {
            let command =
                *self.noise.one_of(&["guest-info", "guest-ping", "guest-get-time", "guest-network-get-interfaces"]);
            said.extend(request_line(command, None).bytes());
        }
        if self.noise.one_in(3) && !self.model.is_frozen {
            let time = self.any_time()?;
            let set = request_line("guest-set-time", Some(&json!({"time": time})));
            // Whether the guest has heard it, nobody knows. It may do it any time before the next host is in step.
            let running = &mut self.running;
            let asked = Clock::is_set(time, || {
                running.agent(channel).send(set.as_bytes(), soon())?;
                running.change_host(channel)
            })?;
            self.model.clock = self.model.clock.or(asked);
            return Ok(());
        }
        let half = request_line("guest-set-time", Some(&json!({"time": 0, "id": "x".repeat(self.noise.below(2000))})));
        said.extend(&half.as_bytes()[..self.noise.below(half.len())]);
        self.running.agent(channel).send(&said, soon())?;
        self.running.change_host(channel)
    }

    /// The guest has no more memory and descriptors than before.
    fn memory(&mut self) -> Result<()> {
        if self.model.is_frozen {
            return Ok(());
        }
        if self.kind.is_linux {
            let listed = String::from_utf8(self.run("ls -l /proc/1/fd", b"")?)?;
            let handle = self.value("guest-file-open", json!({"path": "/proc/self/statm"}))?;
            self.model.last_handle = handle.as_i64().context("a handle")?;
            let read = self.value("guest-file-read", json!({"handle": handle}))?;
            self.value("guest-file-close", json!({"handle": handle}))?;
            let text = String::from_utf8(BASE64.decode(read["buf-b64"].as_str().unwrap_or_default())?)?;
            let pages: usize = text.split(' ').nth(1).context("resident pages")?.parse()?;
            return self.memory.of_process(pages * 4, self.model.open.len(), &listed);
        }
        for (device, command) in [
            (json!({"driver": "virtio-net-pci", "netdev": "spare-net"}), "guest-network-get-interfaces"),
            (json!({"driver": "virtio-blk-pci", "drive": "spare-disk"}), "guest-get-disks"),
        ] {
            let channel = self.channel();
            self.running.replug(channel, device, command)?;
        }
        let log = self.value("nanoqga-log", json!({}))?;
        let mut lines = log.as_array().context("a log is a list")?.iter().rev();
        let free = lines.find_map(|line| line.as_str()?.strip_suffix(" KiB of memory are free"));
        self.memory.of_heap(free.context("no figure of free memory")?.parse()?)
    }

    /// Saves the guest's state, or goes back to it.
    fn snapshot(&mut self) -> Result<()> {
        match self.saved.clone().filter(|_| self.noise.one_in(2)) {
            Some((mut model, time)) => {
                self.running.load()?;
                model.clock.stood(host_time()? - time);
                self.model = model;
            }
            None => {
                let saved = (self.model.clone(), host_time()?);
                self.running.save()?;
                self.model.clock.stood(host_time()? - saved.1);
                self.saved = Some(saved);
            }
        }
        Ok(())
    }

    fn migrate(&mut self) -> Result<()> {
        let before = host_time()?;
        self.running.migrate()?;
        self.model.clock.stood(host_time()? - before);
        self.saved = None;
        Ok(())
    }

    fn sleep(&mut self) -> Result<()> {
        if self.kind.is_linux {
            // The second sleep of Linux 6.1 ends before QEMU has it sleep, and its port is silent from then on.
            return Ok(());
        }
        if !self.kind.sleeps {
            let refusal = "the requested suspend mode is not supported by the guest";
            return self.is_answered("guest-suspend-ram", json!({}), &Due::Refusal(refusal));
        }
        let channel = self.channel();
        self.running.sleep(channel)?;
        self.model.clock.was_rounded();
        Ok(())
    }
}

/// Takes out of a reply what changes without a reason.
fn without_changes(value: &mut Value) {
    match value {
        Value::Array(list) => {
            // Addresses that a guest gives itself take a moment.
            list.retain(|item| item["ip-address-type"] != "ipv6" && item["version"] != 6);
            list.iter_mut().for_each(without_changes);
        }
        Value::Object(members) => {
            members.retain(|name, _| !CHANGING.contains(&name.as_str()));
            members.values_mut().for_each(without_changes);
        }
        _ => {}
    }
}
