//! What an agent refuses to open, and what it notes of what hosts change.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};
use nanoqga_testkit::client::{Client, request_line};
use nanoqga_testkit::folder::PrivateFolder;
use serde_json::{Value, json};
use tests::program::ours;
use tests::{Program, soon};

use crate::beside::finished;

fn open(client: &mut Client, path: &str, mode: &str) -> Result<Value> {
    let request = request_line("guest-file-open", Some(&json!({"path": path, "mode": mode})));
    client.request(&request, soon())?.json()
}

#[test]
fn files_are_opened_where_the_rules_say_and_nowhere_else() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    for name in ["open", "open/shut", "other"] {
        fs::create_dir(path(name))?;
    }
    for name in ["open/file", "open/shut/file", "other/file"] {
        fs::write(path(name), "before")?;
    }
    symlink("../other/file", path("open/link"))?;
    symlink("../other/new", path("open/dangling"))?;
    symlink(path("open"), path("alias"))?;
    let allow = format!("--allow-path={},/proc/self/status", path("alias"));
    let block = format!("--block-path={}", path("open/shut"));
    let agent = Program::start(&ours()?, &[&allow, &block])?;
    let mut client = agent.connect()?;
    for (name, mode) in [("open/file", "r"), ("open/new", "w"), ("alias/file", "r+"), ("open/shut/../file", "a")] {
        let reply = open(&mut client, &path(name), mode)?;
        ensure!(reply["return"].is_i64(), "{name}: {reply}");
    }
    for (name, mode) in [
        ("other/file", "r"),
        ("other/file", "w"),
        ("other/new", "w"),
        ("open/shut/file", "r"),
        ("open/shut/new", "w"),
        ("open/link", "w"),
        ("open/../other/file", "w"),
        ("alias/shut/file", "w"),
    ] {
        let reply = open(&mut client, &path(name), mode)?;
        let text = reply["error"]["desc"].as_str().unwrap_or_default();
        ensure!(text.ends_with("Permission denied"), "{name}: {reply}");
    }
    // A link that leads nowhere is not followed to where it leads.
    ensure!(open(&mut client, &path("open/dangling"), "w")?["error"].is_object());
    // Nothing was emptied or made on the way to the refusal.
    ensure!(
        fs::read_to_string(path("other/file"))? == "before" && fs::read_to_string(path("open/shut/file"))? == "before"
    );
    ensure!(!fs::exists(path("other/new"))? && !fs::exists(path("open/shut/new"))?);
    // That of the process, which is another link.
    ensure!(open(&mut client, "/etc/passwd", "r")?["error"].is_object());
    ensure!(open(&mut client, "/proc/self/root/etc/passwd", "r")?["error"].is_object());
    Ok(())
}

#[test]
fn a_rule_must_be_an_absolute_path() -> Result<()> {
    let mut command = ours()?.command();
    let said = command.args(["--allow-path", "/a,b", "-m", "unix-listen", "-p", "/nowhere/socket"]).output()?;
    let complaint = String::from_utf8_lossy(&said.stderr).into_owned();
    ensure!(!said.status.success() && complaint.contains("must begin with '/': 'b'"), "{complaint}");
    Ok(())
}

#[test]
fn each_change_that_a_host_asks_for_is_one_line_in_the_log_and_no_secret_is() -> Result<()> {
    let agent = Program::start(&ours()?, &[])?;
    let mut client = agent.connect()?;
    let path = agent.folder().join("file").to_string_lossy().into_owned();
    ensure!(open(&mut client, &path, "w")?["return"].is_i64());
    ensure!(open(&mut client, &path, "r")?["return"].is_i64());
    finished(&mut client, "echo", &["two\nlines"])?;
    for (command, arguments) in [
        ("guest-set-user-password", json!({"username": "nobody-here", "password": "c2VjcmV0", "crypted": false})),
        ("guest-ssh-add-authorized-keys", json!({"username": "no-such-user", "keys": ["ssh-rsa secret"]})),
        ("guest-set-vcpus", json!({"vcpus": [{"logical-id": 9999, "online": true}]})),
    ] {
        // Each fails, and was asked for all the same.
        client.request(&request_line(command, Some(&arguments)), soon())?;
    }
    let said = agent.said();
    let lines: Vec<_> = said.lines().filter_map(|line| line.split_once(": audit: ")).map(|(_, line)| line).collect();
    let expected = [
        format!("guest-file-open for writing: {path}"),
        "guest-exec: echo two?lines".into(),
        "guest-set-user-password: nobody-here".into(),
        "guest-ssh-add-authorized-keys: no-such-user".into(),
        "guest-set-vcpus: 9999 online: true".into(),
    ];
    ensure!(lines == expected, "{said}");
    ensure!(!said.contains("secret") && !said.contains("c2VjcmV0"), "{said}");
    Ok(())
}
