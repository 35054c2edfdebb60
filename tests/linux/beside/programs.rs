//! Programs that both agents run.

use anyhow::{Result, ensure};
use debian::reference::Version;
use nanoqga_testkit::deadline::SOON;
use serde_json::{Value, json};
use tests::soon;

use super::Pair;
use super::pair::Agent;

/// What becomes of a program: the reply to guest-exec if that fails, or what the last guest-exec-status tells.
fn outcome(agent: &mut Agent, program: &Value) -> Result<Value> {
    let mut reply = agent.ask("guest-exec", program)?;
    let Some(pid) = reply["return"].get_mut("pid").map(Value::take) else { return Ok(reply) };
    soon().poll(&format!("the end of {program}"), || {
        let status = agent.get("guest-exec-status", &json!({"pid": pid}))?;
        Ok((status["exited"] == true).then_some(status))
    })
}

/// Both have the same outcome, which is returned.
fn same(pair: &mut Pair, program: Value) -> Result<Value> {
    let [ours, mut theirs] = [outcome(&mut pair.ours, &program)?, outcome(&mut pair.reference, &program)?];
    if pair.version < Version(11, 1, 0)
        && let Some(Value::String(text)) = theirs.pointer_mut("/error/desc")
    {
        // Those have put the same words into quotes.
        let words =
            text.strip_prefix("Guest agent command failed, error was '").and_then(|rest| rest.strip_suffix('\''));
        *text = words.unwrap_or(text).to_owned();
    }
    let shown = |outcome: &Value| outcome.to_string().chars().take(500).collect::<String>();
    ensure!(ours == theirs, "{program}\n     ours: {}\nreference: {}", shown(&ours), shown(&theirs));
    Ok(ours)
}

fn shell(script: &str) -> Value {
    json!({"path": "sh", "arg": ["-c", script], "capture-output": true})
}

#[test]
fn programs_end_alike() -> Result<()> {
    let mut pair = Pair::start()?;
    for program in [
        json!({"path": "/bin/true"}),
        json!({"path": "false"}),
        json!({"path": "/nonexistent"}),
        json!({"path": "no-such-program"}),
        json!({"path": ""}),
        json!({"path": "/etc"}),
        json!({"path": "/etc/passwd"}),
        json!({"path": "sh", "arg": ["-c", "exit 77"]}),
        json!({"path": "/bin/echo", "arg": ["not", "captured"]}),
        shell("kill -KILL $$"),
        shell("kill -SEGV $$"),
        shell("kill -PIPE $$"),
        shell("echo out; echo err >&2; exit 3"),
        shell("printf '%s|' \"$0\" \"$@\""),
        json!({"path": "printf", "arg": ["%s|", "two words", "", "\"quoted\"", "caf\u{e9} \u{1f980}", "-"], "capture-output": true}),
        json!({"path": "env", "env": ["A=1", "B=two words", "C="], "capture-output": true}),
        json!({"path": "env", "env": [], "capture-output": true}),
        json!({"path": "true", "arg": [], "capture-output": false}),
        shell("cat; echo; readlink /proc/self/fd/0"),
        shell("umask; pwd; ulimit -n"),
    ] {
        same(&mut pair, program)?;
    }
    Ok(())
}

#[test]
fn a_program_inherits_the_environment_and_neither_descriptors_nor_signals() -> Result<()> {
    let mut pair = Pair::start_with(&[("MARK", "here")])?;
    let status = same(&mut pair, shell("echo $MARK; ls /proc/$$/fd"))?;
    ensure!(status["out-data"] == "aGVyZQowCjEKMgo=", "{status}");
    // From signal 32 on they are the C library's own.
    let masks = r"SigBlk:\s0{16}|SigIgn:\s.{8}[08]0{7}$";
    let count = json!({"path": "grep", "arg": ["-cE", masks, "/proc/self/status"], "capture-output": true});
    let status = same(&mut pair, count)?;
    ensure!(status["out-data"] == "Mgo=", "a signal is blocked or ignored: {status}");
    Ok(())
}

#[test]
fn a_script_that_does_not_say_what_runs_it_is_the_shells() -> Result<()> {
    let mut pair = Pair::start()?;
    let folder = nanoqga_testkit::folder::PrivateFolder::new()?;
    let script = folder.path().join("script");
    std::fs::write(&script, "echo \"$1\"\n")?;
    nanoqga_testkit::process::run(std::process::Command::new("chmod").arg("755").arg(&script), SOON)?;
    let status = same(&mut pair, json!({"path": script, "arg": ["argument"], "capture-output": true}))?;
    ensure!(status["out-data"] == "YXJndW1lbnQK", "{status}");
    Ok(())
}

#[test]
fn input_is_read_to_its_end_or_not_at_all() -> Result<()> {
    let mut pair = Pair::start()?;
    // More than a pipe holds.
    let large = "QUJD".repeat(24_000);
    for (input, script) in [
        ("aGVsbG8=", "cat"),
        ("", "cat"),
        ("aGVs\nbG8=\n", "cat"),
        (large.as_str(), "wc -c"),
        (large.as_str(), "exec <&-; sleep 0.1; echo no"),
        (large.as_str(), "cat"),
        ("a*b=", "cat"),
    ] {
        let mut program = shell(script);
        program["input-data"] = input.into();
        same(&mut pair, program)?;
    }
    Ok(())
}

#[test]
fn output_is_kept_up_to_16_mib_of_each_stream() -> Result<()> {
    let mut pair = Pair::start()?;
    let loud = "head -c 17825792 /dev/zero; head -c 5 /dev/zero >&2; exit 4";
    let status = same(&mut pair, shell(loud))?;
    ensure!(status["out-truncated"] == true && status["err-truncated"] == false && status["exitcode"] == 4);
    let kept = status["out-data"].as_str().map_or(0, str::len);
    ensure!(kept == (16_usize << 20).div_ceil(3) * 4, "{kept} digits");
    same(&mut pair, shell("head -c 17825792 /dev/zero >&2"))?;
    same(&mut pair, shell("head -c 16777216 /dev/zero"))?;
    Ok(())
}

#[test]
fn what_is_captured_can_be_chosen() -> Result<()> {
    // A reference before QEMU 8.1 knows of all or nothing only.
    let mut agent = Agent::ours()?;
    let (out, err, both) = (json!("b3V0Cg=="), json!("ZXJyCg=="), json!("b3V0CmVycgo="));
    for (mode, out, err) in [
        ("none", Value::Null, Value::Null),
        ("stdout", out.clone(), Value::Null),
        ("stderr", Value::Null, err.clone()),
        ("separated", out, err),
        ("merged", both, Value::Null),
    ] {
        let mut program = shell("echo out; echo err >&2");
        program["capture-output"] = mode.into();
        let status = outcome(&mut agent, &program)?;
        ensure!((&status["out-data"], &status["err-data"]) == (&out, &err), "{mode}: {status}");
    }
    Ok(())
}

#[test]
fn an_end_is_told_once() -> Result<()> {
    let mut pair = Pair::start()?;
    for agent in [&mut pair.ours, &mut pair.reference] {
        let pid = agent.get("guest-exec", &json!({"path": "true"}))?["pid"].take();
        let status = json!({"pid": pid});
        soon().poll("the end of true", || {
            Ok((agent.get("guest-exec-status", &status)?["exited"] == true).then_some(()))
        })?;
        let again = agent.ask("guest-exec-status", &status)?;
        ensure!(again["error"]["class"] == "GenericError", "{again}");
    }
    Ok(())
}

#[test]
fn a_program_runs_as_long_as_something_holds_its_output() -> Result<()> {
    let mut pair = Pair::start()?;
    // The shell has ended when it is a zombie, or is waited for.
    let script = "(while grep -q 'State:.[^Z]' /proc/$$/status; do :; done 2>/dev/null; echo late) & echo early";
    let status = same(&mut pair, shell(script))?;
    ensure!(status["out-data"] == "ZWFybHkKbGF0ZQo=", "{status}");
    Ok(())
}

#[test]
fn a_program_that_never_ends_or_never_reads_leaves_the_agent_answering() -> Result<()> {
    let mut agent = Agent::ours()?;
    let mut pids = Vec::new();
    let large = "QUJD".repeat(24_000);
    for (script, input) in [("exec sleep 600", large.as_str()), ("exec yes", ""), ("exec cat /dev/zero >&2", "")] {
        let mut program = shell(script);
        program["input-data"] = input.into();
        pids.push(agent.get("guest-exec", &program)?["pid"].take());
    }
    for _ in 0..100 {
        agent.get("guest-ping", &json!({}))?;
        for pid in &pids {
            let status = agent.get("guest-exec-status", &json!({"pid": pid}))?;
            ensure!(status == json!({"exited": false}), "{status}");
        }
    }
    for pid in &pids {
        let killed = outcome(&mut agent, &json!({"path": "sh", "arg": ["-c", format!("kill -s KILL {pid}")]}))?;
        ensure!(killed["exitcode"] == 0, "{killed}");
        let status = soon().poll("the end of a killed program", || {
            let status = agent.get("guest-exec-status", &json!({"pid": pid}))?;
            Ok((status["exited"] == true).then_some(status))
        })?;
        ensure!(status["signal"] == 9, "{}", status["signal"]);
    }
    Ok(())
}
