//! Command lines and configuration files, as qemu-ga takes them.

use std::fs;
use std::process::Stdio;

use anyhow::{Result, ensure};
use debian::executable::Executable;
use nanoqga_testkit::folder::PrivateFolder;
use tests::program::{ours, reference};

/// What a run of an agent has said, and whether it succeeded.
#[derive(Debug, PartialEq)]
struct Said {
    stdout: String,
    succeeded: bool,
}

/// Runs an agent with a command line that it does not serve with. `conf` is its configuration file.
fn run(program: &Executable, conf: &str, line: &[&str]) -> Result<(Said, String)> {
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("conf");
    fs::write(&file, conf)?;
    let mut command = program.command();
    let output = command.args(line).env("QGA_CONF", file).stdin(Stdio::null()).output()?;
    let own_name = program.program().display().to_string();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&own_name, "qemu-ga");
    // qemu-ga has had this key since QEMU 8.1.
    let stdout = text(&output.stdout).replace("allow-rpcs=\n", "");
    Ok((Said { stdout, succeeded: output.status.success() }, text(&output.stderr)))
}

/// Both agents say the same on stdout, and end in the same way.
fn same(conf: &str, lines: &[&[&str]]) -> Result<()> {
    for line in lines {
        let (ours, complaint) = run(&ours()?, conf, line)?;
        let (theirs, _) = run(&reference()?, conf, line)?;
        ensure!(ours == theirs, "{line:?} with\n{conf}\n{ours:?} ({complaint}), but qemu-ga: {theirs:?}");
    }
    Ok(())
}

#[test]
fn every_option_is_dumped_as_by_qemu_ga() -> Result<()> {
    same(
        "",
        &[
            &["-D"],
            &["--dump-conf"],
            &["-vrdD"],
            &["-D", "-m", "isa-serial"],
            &["-D", "-m", "unix-listen", "-p", "/run/a b"],
            &["-D", "--method=vsock-listen", "--path=3:4"],
            &["-D", "-m", "nothing", "-p", "x"],
            &["-D", "-l", "/log", "-f", "/pid", "-t", "/state", "-F"],
            &["-D", "--logfile", " /log", "--pidfile=/pid\\x", "--statedir", "/state", "-F/hook"],
            &["-D", "--fsfreeze-hook=/hook", "--retry-path", "--verbose", "--daemonize"],
            &["-D", "-b", "guest-exec,guest-ping", "--block-rpcs=guest-info", "--block-rpcs", "a,b,,c"],
            &["-D", "word", "-v", "--", "-r"],
            &["--dump", "--pa=/x", "--meth", "isa-serial"],
        ],
    )
}

#[test]
fn the_option_blacklist_of_older_versions_is_still_taken() -> Result<()> {
    let (blacklist, _) = run(&ours()?, "", &["-D", "--blacklist", "a,b"])?;
    let (block_rpcs, _) = run(&ours()?, "", &["-D", "--block-rpcs", "a,b"])?;
    ensure!(blacklist == block_rpcs && blacklist.succeeded, "{blacklist:?}, but {block_rpcs:?}");
    Ok(())
}

#[test]
fn a_configuration_file_is_read_as_by_qemu_ga() -> Result<()> {
    let conf = "# of the system\n[general]\ndaemon = true\nverbose=1\nretry-path=0\npath=\\s/a b\nlogfile=/log\npidfile=/p\n\
                statedir=/s\nfsfreeze-hook=/hook\nblock-rpcs=guest-exec,guest-ping\n[other]\nmethod=isa-serial\n";
    same(
        conf,
        &[
            &["-D"],
            // The command line has the last word, and adds to lists.
            &["-D", "-p", "/other", "-m", "isa-serial", "-b", "guest-info,guest-sync"],
        ],
    )
}

#[test]
fn a_configuration_file_that_is_none_is_refused_as_by_qemu_ga() -> Result<()> {
    for conf in ["[general]\nverbose=perhaps\n", "path=/x\n", "[general]\nnothing\n"] {
        same(conf, &[&["-D"]])?;
    }
    Ok(())
}

#[test]
fn what_makes_no_sense_is_refused_as_by_qemu_ga() -> Result<()> {
    same(
        "",
        &[
            &["-x"],
            &["--no-such-option"],
            &["-m"],
            &["--method"],
            &["--verbose=1"],
            &["-m", "unix-listen"],
            &["-D", "-m", "vsock-listen"],
            &["-D", "-m", "nothing"],
        ],
    )?;
    let (_, complaint) = run(&ours()?, "", &["-x"])?;
    ensure!(complaint == "qemu-ga: invalid option -- 'x'\n", "{complaint}");
    Ok(())
}

#[test]
fn init_is_refused_to_all_but_process_1() -> Result<()> {
    let (said, complaint) = run(&ours()?, "", &["--init"])?;
    ensure!(!said.succeeded && complaint.contains("--init is for the first process"), "{said:?} {complaint}");
    Ok(())
}

#[test]
fn a_configuration_file_of_the_command_line_must_be_there() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("given");
    let given = file.to_string_lossy();
    fs::write(&file, "[general]\npath=/given\nallow-rpcs=guest-ping\nreport-version=9.0.0\n")?;
    let (said, _) = run(&ours()?, "[general]\npath=/not/read\n", &["-c", &given, "-D"])?;
    ensure!(said.succeeded && said.stdout.contains("\npath=/given\n"), "{said:?}");
    ensure!(said.stdout.ends_with("allow-rpcs=guest-ping\nreport-version=9.0.0\n"), "{said:?}");
    let (said, complaint) = run(&ours()?, "", &["--config=/nowhere/at/all", "-D"])?;
    ensure!(!said.succeeded && complaint.contains("/nowhere/at/all"), "{said:?} {complaint}");
    Ok(())
}

#[test]
fn the_commands_that_qemu_ga_lists_are_listed() -> Result<()> {
    for line in [["-b", "help"], ["-b", "?"], ["--block-rpcs", "help"]] {
        let (ours, _) = run(&ours()?, "", &line)?;
        let (theirs, _) = run(&reference()?, "", &line)?;
        ensure!(ours.succeeded && theirs.succeeded);
        // For Windows alone, and listed by a qemu-ga before QEMU 9.1 all the same.
        for name in theirs.stdout.lines().filter(|name| *name != "guest-get-devices") {
            ensure!(ours.stdout.lines().any(|own| own == name), "{name} is missing:\n{}", ours.stdout);
        }
    }
    Ok(())
}

#[test]
fn help_and_version_are_told() -> Result<()> {
    for option in ["-h", "--help"] {
        let (said, _) = run(&ours()?, "", &[option])?;
        let (theirs, _) = run(&reference()?, "", &[option])?;
        ensure!(said.succeeded);
        // Every option that qemu-ga's help names.
        for word in theirs.stdout.split(|c: char| !(c.is_ascii_alphabetic() || c == '-')) {
            ensure!(!word.starts_with("--") || said.stdout.contains(word), "{word} is missing:\n{}", said.stdout);
        }
    }
    for option in ["-V", "--version"] {
        let (said, _) = run(&ours()?, "", &[option])?;
        ensure!(said.succeeded && said.stdout.starts_with("QEMU Guest Agent "), "{said:?}");
    }
    Ok(())
}
