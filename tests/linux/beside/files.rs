//! Files by handle: each agent has a folder of its own, in which the same is done.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use xtask::deadline::SOON;

use super::Pair;
use super::pair::Agent;

/// The two agents, each with the path of a file of its own, which `@` in a path stands for.
struct Files(Pair);

impl Files {
    /// Both with a file of these contents.
    fn with(contents: &[u8]) -> Result<Self> {
        let files = Self::without()?;
        for path in files.paths() {
            fs::write(path, contents)?;
        }
        Ok(files)
    }

    /// Both without a file yet.
    fn without() -> Result<Self> {
        Ok(Self(Pair::start()?))
    }

    fn paths(&self) -> [PathBuf; 2] {
        [&self.0.ours, &self.0.reference].map(|agent| agent.program.folder().join("file"))
    }

    /// Both answer alike, but for the name of the file.
    fn same(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let paths = self.paths();
        let ask = |agent: &mut Agent, path: &PathBuf| -> Result<Value> {
            let path = path.to_string_lossy();
            let own = arguments.to_string().replace('@', &path);
            let reply = agent.ask(command, &serde_json::from_str(&own)?)?;
            Ok(serde_json::from_str(&reply.to_string().replace(&*path, "@"))?)
        };
        let (ours, theirs) = (ask(&mut self.0.ours, &paths[0])?, ask(&mut self.0.reference, &paths[1])?);
        ensure!(ours == theirs, "{command} {arguments}\n     ours: {ours}\nreference: {theirs}");
        Ok(ours)
    }

    fn open(&mut self, mode: &str) -> Result<Value> {
        self.same("guest-file-open", json!({"path": "@", "mode": mode})).map(|mut reply| reply["return"].take())
    }

    /// Both files are the same, and are that.
    fn hold(&self, contents: &[u8]) -> Result<()> {
        for path in self.paths() {
            let held = fs::read(&path)?;
            ensure!(held == contents, "{}: {}", path.display(), held.escape_ascii());
        }
        Ok(())
    }
}

#[test]
fn a_file_is_read_in_pieces_to_its_end() -> Result<()> {
    let mut files = Files::with(&(0..=255).cycle().take(10_000).collect::<Vec<u8>>())?;
    let handle = files.open("r")?;
    for count in [Some(0), Some(1), None, Some(5000), Some(903), Some(1), Some(10), Some(10)] {
        files.same("guest-file-read", json!({"handle": handle, "count": count.unwrap_or(4096)}))?;
    }
    for (offset, whence) in
        [(0, json!(0)), (-5, json!("end")), (3, json!("cur")), (20_000, json!("set")), (9_999, json!(0))]
    {
        files.same("guest-file-seek", json!({"handle": handle, "offset": offset, "whence": whence}))?;
        files.same("guest-file-read", json!({"handle": handle, "count": 4}))?;
    }
    files.same("guest-file-read", json!({"handle": handle}))?;
    files.same("guest-file-close", json!({"handle": handle}))?;
    files.same("guest-file-read", json!({"handle": handle}))?;
    Ok(())
}

#[test]
fn a_large_file_comes_in_one_reply_up_to_the_limit() -> Result<()> {
    let mut files = Files::without()?;
    for path in files.paths() {
        File::create(path)?.set_len(60 << 20)?;
    }
    let handle = files.open("rb")?;
    for count in [(48 << 20) + 1, -1, i64::MAX] {
        files.same("guest-file-read", json!({"handle": handle, "count": count}))?;
    }
    let reply = files.same("guest-file-read", json!({"handle": handle, "count": 20 << 20}))?;
    ensure!(reply["return"]["count"] == 20 << 20);
    Ok(())
}

#[test]
fn every_mode_reads_writes_and_places_alike() -> Result<()> {
    for mode in ["r", "rb", "w", "wb", "a", "ab", "r+", "rb+", "r+b", "w+", "wb+", "w+b", "a+", "ab+", "a+b"] {
        let mut files = Files::with(b"0123456789")?;
        let handle = files.open(mode)?;
        let seek = |offset: i64, whence: &str| json!({"handle": handle, "offset": offset, "whence": whence});
        files.same("guest-file-read", json!({"handle": handle, "count": 3}))?;
        files.same("guest-file-seek", seek(0, "cur"))?;
        // What cannot be written fails for the reference when it is flushed.
        if mode != "r" && mode != "rb" {
            files.same("guest-file-write", json!({"handle": handle, "buf-b64": "YWJj"}))?;
        }
        files.same("guest-file-flush", json!({"handle": handle}))?;
        files.same("guest-file-seek", seek(0, "cur"))?;
        files.same("guest-file-seek", seek(2, "set"))?;
        files.same("guest-file-read", json!({"handle": handle, "count": 100}))?;
        files.same("guest-file-close", json!({"handle": handle}))?;
        let [ours, theirs] = files.paths().map(fs::read);
        ensure!(ours? == theirs?, "opened with {mode}");
    }
    let mut files = Files::without()?;
    for mode in ["r", "r+", "", "rw", "wa", "x", "bw", "w++", "r+b+"] {
        files.same("guest-file-open", json!({"path": "@", "mode": mode}))?;
    }
    Ok(())
}

#[test]
fn what_is_written_arrives_whole_and_only_as_much_as_is_asked_for() -> Result<()> {
    let mut files = Files::without()?;
    let handle = files.open("w")?;
    // Proxmox breaks its lines.
    files.same("guest-file-write", json!({"handle": handle, "buf-b64": "SGVsbG8s\nIHdvcmxk\n"}))?;
    files.same("guest-file-write", json!({"handle": handle, "buf-b64": "ISEhIQ==", "count": 1}))?;
    files.same("guest-file-write", json!({"handle": handle, "buf-b64": ""}))?;
    for (text, count) in [("ISEhIQ==", 5), ("ISEhIQ==", -1), ("IS*h", 1)] {
        files.same("guest-file-write", json!({"handle": handle, "buf-b64": text, "count": count}))?;
    }
    files.same("guest-file-write", json!({"handle": handle}))?;
    files.same("guest-file-flush", json!({"handle": handle}))?;
    files.hold(b"Hello, world!")?;
    files.same("guest-file-close", json!({"handle": handle}))?;
    files.same("guest-file-close", json!({"handle": handle}))?;
    files.same("guest-file-flush", json!({"handle": handle}))?;
    let [ours, theirs] = files.paths().map(fs::metadata);
    ensure!(ours?.permissions().mode() == theirs?.permissions().mode());
    Ok(())
}

#[test]
fn handles_are_counted_alike_and_never_given_again() -> Result<()> {
    let mut files = Files::with(b"")?;
    ensure!(files.open("r")? == 1000 && files.open("r")? == 1001);
    files.same("guest-file-close", json!({"handle": 1001}))?;
    ensure!(files.open("r")? == 1002);
    let states = [&files.0.ours, &files.0.reference].map(|agent| fs::read(agent.program.folder().join("qga.state")));
    let [ours, theirs] = states;
    ensure!(ours? == theirs?);
    Ok(())
}

#[test]
fn what_is_no_file_is_refused_alike() -> Result<()> {
    let mut files = Files::without()?;
    for path in files.paths() {
        fs::create_dir(path)?;
    }
    files.open("w")?;
    let handle = files.open("r")?;
    files.same("guest-file-read", json!({"handle": handle}))?;
    let absent = ["/nonexistent/file", "", "/etc/passwd/file", "relative"];
    for path in absent.map(String::from).into_iter().chain(["x".repeat(256), format!("/{}", "x/".repeat(3000))]) {
        files.same("guest-file-open", json!({"path": path}))?;
    }
    for handle in [json!(0), json!(-1), json!(i64::MAX)] {
        for command in ["guest-file-read", "guest-file-close", "guest-file-flush"] {
            files.same(command, json!({"handle": handle}))?;
        }
    }
    for (offset, whence) in [(-1, json!("set")), (0, json!(9)), (0, json!("middle")), (i64::MIN, json!("cur"))] {
        let handle = files.same("guest-file-open", json!({"path": "/etc/passwd"}))?["return"].take();
        files.same("guest-file-seek", json!({"handle": handle, "offset": offset, "whence": whence}))?;
    }
    Ok(())
}

#[test]
fn a_fifo_keeps_nobody_waiting() -> Result<()> {
    let mut files = Files::without()?;
    for path in files.paths() {
        xtask::process::run(Command::new("mkfifo").arg(path), SOON)?;
    }
    // Nobody reads: it cannot be written. Nobody writes: it is at its end.
    files.open("w")?;
    let handle = files.open("r")?;
    files.same("guest-file-read", json!({"handle": handle}))?;
    let non_blocking = 0o4000;
    let writers = files.paths().map(|path| OpenOptions::new().write(true).custom_flags(non_blocking).open(path));
    // Somebody could write, and does not.
    files.same("guest-file-read", json!({"handle": handle}))?;
    files.same("guest-file-seek", json!({"handle": handle, "offset": 0, "whence": "set"}))?;
    files.same("guest-ping", json!({}))?;
    drop(writers);
    // Somebody reads no more.
    let handle = files.open("r+")?;
    files.same("guest-file-write", json!({"handle": handle, "buf-b64": "eA=="}))?;
    files.same("guest-file-close", json!({"handle": handle}))?;
    files.same("guest-ping", json!({}))?;
    Ok(())
}

#[test]
fn a_full_disk_is_told_and_the_agent_goes_on() -> Result<()> {
    let mut files = Files::without()?;
    let handle = files.same("guest-file-open", json!({"path": "/dev/full", "mode": "w"}))?["return"].take();
    let more_than_a_buffer = "AAAA".repeat(4096);
    files.same("guest-file-write", json!({"handle": handle, "buf-b64": more_than_a_buffer}))?;
    // A few bytes stay in a buffer of the reference's until they are flushed; ours are refused at once.
    let reply = files.0.ours.ask("guest-file-write", &json!({"handle": handle, "buf-b64": "AAAA"}))?;
    ensure!(reply["error"]["desc"] == "failed to write to file: No space left on device", "{reply}");
    files.same("guest-ping", json!({}))?;
    Ok(())
}
