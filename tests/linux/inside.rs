//! Programs in a guest, run by its agent. They are BusyBox's.

use anyhow::{Context, Result, bail};
pub use debian::linux::busybox;
use nanoqga_testkit::client::{Client, request_line};
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tests::soon;

/// Starts a shell script; returns its number. The agent logs the script: a word that is waited for on the console must not be in it as
/// it is.
pub fn start(agent: &mut Client, script: &str) -> Result<i64> {
    let arguments = json!({"path": "/bin/busybox", "arg": ["sh", "-c", script], "capture-output": true});
    let started = agent.execute("guest-exec", arguments, soon())?;
    started["pid"].as_i64().with_context(|| format!("guest-exec returned {started}"))
}

/// Waits for a program's end; returns its standard output.
pub fn finish(agent: &mut Client, pid: i64) -> Result<String> {
    let status = soon().poll(&format!("the end of program {pid}"), || {
        let status = agent.execute("guest-exec-status", json!({"pid": pid}), soon())?;
        Ok((status["exited"] == true).then_some(status))
    })?;
    if status["exitcode"] != 0 {
        bail!("a program failed: {status} {}", text(&status["err-data"]));
    }
    Ok(text(&status["out-data"]))
}

/// Runs a shell script to its end; returns its standard output.
pub fn run(agent: &mut Client, script: &str) -> Result<String> {
    let pid = start(agent, script)?;
    finish(agent, pid).with_context(|| script.to_owned())
}

/// The text of the error that a command ends with.
pub fn refused(agent: &mut Client, command: &str, arguments: &Value) -> Result<String> {
    let reply = agent.request(&request_line(command, Some(arguments)), soon())?.json()?;
    let text = reply["error"]["desc"].as_str();
    text.map(String::from).with_context(|| format!("{command} {arguments}: {reply}"))
}

/// What base64 stands for.
fn text(base64: &Value) -> String {
    let bytes = BASE64.decode(base64.as_str().unwrap_or_default()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
