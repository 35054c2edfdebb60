//! What becomes of tests that pass, fail, are skipped, panic, hang, or kill their guest.

use std::fs;

use anyhow::{Result, ensure};
use nanoqga_testkit::folder::PrivateFolder;
use serde_json::{Value, json};

use crate::run::{run, run_in, tests};

/// The line that a guest says of a test.
fn say(told: Value) -> Value {
    json!({"acts": {"do": "say", "line": format!("{}\n", json!({"return": told}))}})
}

fn panicked(message: &str) -> Value {
    say(json!({"outcome": "panicked", "message": message, "file": "src/a.rs", "line": 7}))
}

#[test]
fn tests_are_named_and_counted_as_in_every_test_program() -> Result<()> {
    let guest = tests(&[
        ("a::one", json!({})),
        ("a::two", json!({"cases": 2})),
        ("b", json!({"ignored": "takes long"})),
        ("c", say(json!({"outcome": "skipped", "message": "no card"}))),
    ]);
    let line = "test result: ok. 3 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out";
    run(&guest, &[], &[])?.is(0, &["running 5 tests", "test a::two::case_1 ... ok", "no card", line])?;
    run(&guest, &[], &["two", "--skip", "case_0"])?
        .is(0, &["1 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out"])?;
    run(&guest, &[], &["--ignored"])?.is(0, &["test b", "1 passed"])?;
    run(&guest, &[], &["--exact", "a::one"])?.is(0, &["1 passed"])?;
    run(&guest, &[], &["--exact", "a"])?.is(101, &["no test is called a"])?;
    run(&guest, &[], &["--format", "json"])?.is(0, &[r#""event": "ok""#])
}

#[test]
fn on_several_machines_their_names_are_in_those_of_the_tests() -> Result<()> {
    let guest = tests(&[("a::one", json!({})), ("a::two", json!({"acts": "end"}))]);
    let all = ["test q35/a::one     ... ok", "test microvm/a::two ... FAILED", "2 passed; 2 failed"];
    run(&guest, &["--machine", "microvm"], &["--test-threads", "1"])?.is(101, &all)?;
    run(&guest, &["--machine", "microvm"], &["microvm/a::one"])?
        .is(0, &["1 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out"])
}

#[test]
fn a_list_of_the_same_image_boots_nothing() -> Result<()> {
    let guest = tests(&[("a::one", json!({})), ("b", json!({"ignored": "takes long"}))]);
    let folder = PrivateFolder::new()?;
    let list = ["--list", "--format", "terse"];
    let first = run_in(&folder, &guest, &[], &list)?;
    ensure!(first.code == Some(0) && first.stdout == "a::one: test\nb: test\n", "{first:#?}");
    // Without a QEMU.
    fs::remove_file(folder.path().join("programs/qemu-system-x86_64"))?;
    let second = run_in(&folder, &guest, &[], &list)?;
    ensure!(second.stdout == first.stdout && second.stderr.is_empty(), "{second:#?}");
    let ignored = run_in(&folder, &guest, &[], &[&list[..], &["--ignored"]].concat())?;
    ensure!(ignored.stdout == "b: test\n", "{ignored:#?}");
    // Another image is another list.
    run_in(&folder, &tests(&[("c", json!({}))]), &[], &list)?.is(101, &["qemu-system-x86_64 is not in"])
}

#[test]
fn a_failure_shows_what_the_guest_said_and_the_others_run_on() -> Result<()> {
    let failed =
        json!({"outcome": "failed", "message": "1 is not 2", "file": "src/a.rs", "line": 3, "output": "looking\n"});
    let guest = tests(&[("bad", say(failed)), ("good", json!({}))]);
    run(&guest, &[], &["--test-threads", "1"])?.is(
        101,
        &[
            "failed at src/a.rs:3: 1 is not 2\n--- output\nlooking\n--- console\nthis is bad",
            "test good ... ok",
            "1 passed; 1 failed",
        ],
    )
}

#[test]
fn a_guest_that_panics_dies_hangs_or_resets_is_replaced() -> Result<()> {
    let guest = tests(&[
        ("a", panicked("out of memory")),
        ("b", json!({"acts": "end"})),
        ("c", json!({"acts": "reset"})),
        ("d", json!({"acts": "nothing", "timeout-ms": 50})),
        ("e", json!({"acts": "power off"})),
        ("f", json!({})),
    ]);
    run(&guest, &[], &["--test-threads", "1"])?.is(
        101,
        &[
            "panicked at src/a.rs:7: out of memory",
            "the guest died: QEMU ended before its guest did",
            "the guest died: the guest reset its machine",
            "; the machine is running\n--- registers\nRIP=0000000000001000",
            "the guest died: the guest switched itself off",
            "test f ... ok",
            "1 passed; 5 failed",
        ],
    )
}

#[test]
fn only_the_right_panic_passes_where_one_is_wanted() -> Result<()> {
    let wanted = |mut test: Value| {
        test["should-panic"] = "memory".into();
        test
    };
    let guest = tests(&[
        ("a", wanted(panicked("out of memory"))),
        ("b", wanted(panicked("no disk"))),
        ("c", wanted(json!({}))),
        ("d", wanted(json!({"acts": "reset"}))),
    ]);
    run(&guest, &[], &["--test-threads", "1"])?.is(
        101,
        &[
            "test a ... ok",
            "it should have panicked with `memory` in its message, and panicked at src/a.rs:7: no disk",
            "it should have panicked, and did not",
            "1 passed; 3 failed",
        ],
    )
}

#[test]
fn a_failure_among_others_is_run_alone_to_see_whether_it_depends_on_them() -> Result<()> {
    let guest = tests(&[("a", json!({})), ("b", json!({"acts": "depends"})), ("c", json!({"acts": "end"}))]);
    run(&guest, &[], &["--test-threads", "1"])?
        .is(101, &["Alone it does not fail. It depends on what its guest ran before: a", "1 passed; 2 failed"])?;
    // In a guest of its own it passes.
    for isolation in ["boot", "snapshot"] {
        run(&guest, &["--isolation", isolation], &["--test-threads", "1"])?
            .is(101, &["test a ... ok", "2 passed; 1 failed"])?;
    }
    let alone = tests(&[("a", json!({})), ("b", json!({"acts": "depends", "alone": true}))]);
    run(&alone, &[], &["--test-threads", "1"])?.is(0, &["2 passed"])
}

#[test]
fn a_guest_with_threads_tells_what_a_test_writes_while_it_runs() -> Result<()> {
    let mut guest = tests(&[("a", json!({}))]);
    guest["background"] = json!({"writes": "live", "ends": true});
    let ran = run(&guest, &[], &["--nocapture"])?;
    ran.is(101, &["failed: in the background\n--- output\nlive\n"])?;
    ensure!(ran.stderr.ends_with("live"), "{ran:#?}");
    // One that does not end is given up, though its agent answers.
    guest["background"] = json!({"writes": "", "ends": false});
    guest["tests"][0]["timeout-ms"] = 50.into();
    run(&guest, &[], &[])?.is(101, &["there is no verdict after", "the machine is running"])
}

#[test]
fn results_are_written_for_other_programs() -> Result<()> {
    let measured = json!({"outcome": "passed", "measurements": [{"name": "speed", "value": 1.5, "unit": "MB/s"}]});
    let guest =
        tests(&[("a", say(measured)), ("b", json!({"acts": "end"})), ("c", say(json!({"outcome": "skipped"})))]);
    let folder = PrivateFolder::new()?;
    let [junit, ktap] = ["junit.xml", "ktap"].map(|name| folder.path().join(name).display().to_string());
    run_in(&folder, &guest, &["--junit", &junit, "--ktap", &ktap, "--retries", "1"], &["--test-threads", "1"])?
        .is(101, &[])?;
    let junit = fs::read_to_string(junit)?;
    for part in [r#"tests="3""#, r#"failures="1""#, "<skipped", r#"value="1.5 MB/s""#, "<rerunFailure"] {
        ensure!(junit.contains(part), "there is no `{part}` in {junit}");
    }
    let ktap = fs::read_to_string(ktap)?;
    ensure!(
        ktap.starts_with("KTAP version 1\n1..3\nok 1 a\n# speed: 1.5 MB/s\nnot ok 2 b\n# the guest died"),
        "{ktap}"
    );
    ensure!(ktap.contains("\nok 3 c # SKIP \n"), "{ktap}");
    Ok(())
}
