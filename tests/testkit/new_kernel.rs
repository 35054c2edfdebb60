//! The example of a new kernel, copied out of the repository: its tests are run in both ways that the kit's page has.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::deadline::soon;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::{find, is_root, on_its_own, output};
use tests::images;

/// What all of its tests come to.
const SUMMARY: &str = "test result: FAILED. 8 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out";

/// For all that the kit depends on.
const BUILD: Duration = Duration::from_secs(1800);

/// What is shown of those that fail.
const FAILURES: [&str; 5] = [
    "failed at tests/kernel/memory.rs:54: a page is missing\n",
    "--- output\n3 pages are left\n",
    "panicked at tests/kernel/clock.rs:26: nobody has set the alarm\n",
    "there is no verdict after",
    "    RIP is in ",
];

/// The folder for what is built for kernels, and that for the kit, which has most of it already. They are kept between runs.
fn kernels_target() -> String {
    workspace().join("target/kernels/new-kernel").display().to_string()
}

fn kits_target() -> String {
    workspace().join("target").display().to_string()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A copy of the example, whose dependencies by path are found where they are.
fn copied() -> Result<PrivateFolder> {
    let folder = PrivateFolder::new()?;
    let example = workspace().join("tests/kit/examples/new-kernel");
    let status = Command::new("cp").arg("-r").arg(&example).arg(folder.path().join("copy")).status()?;
    ensure!(status.success());
    let root = workspace().canonicalize()?;
    let paths = [("kernel", "../../../../..", &root), ("ktest", "../../..", &root.join("tests/kit"))];
    for (package, relative, absolute) in paths {
        let path = folder.path().join("copy").join(package).join("Cargo.toml");
        let text = fs::read_to_string(&path)?.replace(&format!("\"{relative}"), &format!("\"{}", absolute.display()));
        fs::write(&path, text)?;
    }
    // Built there, it would be compiled anew each time.
    let config = folder.path().join("copy/kernel/.cargo/config.toml");
    let text =
        fs::read_to_string(&config)?.replace("[build]\n", &format!("[build]\ntarget-dir = \"{}\"\n", kernels_target()));
    fs::write(config, text)?;
    Ok(folder)
}

/// Installs the kit's program, as the page says, but into a folder of our own.
fn installed() -> Result<PrivateFolder> {
    let folder = PrivateFolder::new()?;
    let root = folder.path().display().to_string();
    let target = kits_target();
    let options = ["--debug", "--locked", "--quiet", "--no-track", "--root", &root, "--target-dir", &target];
    let mut install = Command::new("cargo");
    install.args(["install", "--path", "tests/kit"]).args(options).current_dir(workspace());
    output(on_its_own(&mut install), BUILD)?;
    Ok(folder)
}

/// Runs cargo in a folder, with the programs of another folder in its PATH, and gives all that is printed.
fn cargo(programs: &Path, folder: &Path, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut cargo = Command::new("cargo");
    on_its_own(cargo.args(arguments).current_dir(folder)).env("PATH", format!("{}:{path}", programs.display()));
    let Output { status, stdout, stderr } = cargo.env("NANOQGA_ACCEL", "tcg").stdin(Stdio::null()).output()?;
    let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Ok((status.code(), said))
}

/// The image with the kernel's tests, for those who need no cargo.
fn image() -> Result<PathBuf> {
    static IMAGE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || {
        let target = kernels_target();
        let arguments = ["--quiet", "--test", "kernel", "--target-dir", &target];
        nanoqga_testkit::cargo::build(&workspace().join("tests/kit/examples/new-kernel/kernel"), &arguments)
    };
    IMAGE.get_or_init(|| build().map_err(|error| format!("{error:#}"))).clone().map_err(anyhow::Error::msg)
}

#[test]
fn a_kernels_own_folder_runs_them_through_the_program_as_cargos_runner() -> Result<()> {
    let folder = copied()?;
    let kernel = folder.path().join("copy/kernel");
    let installed = installed()?;
    let programs = installed.path().join("bin");
    let (code, said) = cargo(&programs, &kernel, &["test"])?;
    ensure!(code == Some(101) && said.contains(SUMMARY), "{code:?} {said}");
    for part in FAILURES {
        ensure!(said.contains(part), "there is no `{part}` in {said}");
        ensure!(include_str!("../kit/README.md").contains(part), "the page has no `{part}`");
    }
    let one = ["test", "--", "--exact", "memory::pages_are_apart"];
    let (code, said) = cargo(&programs, &kernel, &one)?;
    ensure!(code == Some(0) && said.contains("1 passed; 0 failed"), "{code:?} {said}");
    // `cargo run` has its console on the terminal. This kernel waits for its host, so QEMU is told to end: Ctrl-A X.
    let mut run = Command::new(programs.join("nanoqga"));
    run.arg("run-elf").arg(Path::new(&kernels_target()).join("x86_64-unknown-none/debug/new-kernel"));
    let mut running = run.env("NANOQGA_ACCEL", "tcg").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (stdin, stdout) = (running.stdin.take(), running.stdout.take());
    let mut console = stdout.context("a piped child has a stdout")?;
    let mut printed = Vec::new();
    soon().poll("the kernel's first line", || {
        let mut piece = [0; 256];
        let count = console.read(&mut piece)?;
        printed.extend_from_slice(&piece[..count]);
        Ok(String::from_utf8_lossy(&printed).contains("the new kernel is up").then_some(()))
    })?;
    stdin.context("a piped child has a stdin")?.write_all(b"\x01x")?;
    soon().poll("the end of the runner", || Ok(running.try_wait()?))?;
    Ok(())
}

#[test]
fn a_package_beside_the_kernel_builds_and_runs_them() -> Result<()> {
    let folder = copied()?;
    let package = folder.path().join("copy/ktest");
    let (code, said) = cargo(Path::new("/nowhere"), &package, &["test", "--target-dir", &kits_target()])?;
    ensure!(code == Some(101) && said.contains(SUMMARY), "{code:?} {said}");
    for part in FAILURES {
        ensure!(said.contains(part), "there is no `{part}` in {said}");
    }
    Ok(())
}

#[test]
fn nextest_runs_them_one_by_one() -> Result<()> {
    if find("cargo-nextest").is_none() {
        eprintln!("skipped: cargo-nextest is not installed");
        return Ok(());
    }
    let folder = copied()?;
    let all = ["nextest", "run", "--no-fail-fast"];
    let program = images::nanoqga()?;
    let programs = program.parent().context("a program is in a folder")?;
    let (code, said) = cargo(programs, &folder.path().join("copy/kernel"), &all)?;
    ensure!(code == Some(100) && said.contains("12 tests run: 9 passed, 3 failed, 0 skipped"), "{code:?} {said}");
    Ok(())
}

#[test]
fn four_threads_run_four_guests() -> Result<()> {
    let mut nanoqga = Command::new(images::nanoqga()?);
    nanoqga.args(["run-elf", "--test"]).arg(image()?).args(["--test-threads", "4", "--skip", "waits_for_a_day"]);
    let said = nanoqga.env("NANOQGA_ACCEL", "tcg").output()?;
    let stdout = String::from_utf8_lossy(&said.stdout);
    ensure!(stdout.contains("FAILED. 8 passed; 2 failed; 1 ignored"), "{stdout}");
    Ok(())
}

#[test]
fn a_user_who_is_not_root_runs_them() -> Result<()> {
    if !is_root() {
        // Then all the other tests have shown it.
        return Ok(());
    }
    let folder = PrivateFolder::new()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let [program, kernel] = ["nanoqga", "kernel"].map(|name| folder.path().join(name));
    fs::copy(images::nanoqga()?, &program)?;
    fs::copy(image()?, &kernel)?;
    let mut other = Command::new("setpriv");
    other.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(&program);
    other.args(["run-elf", "--test"]).arg(&kernel).args(["memory", "--skip", "counts"]);
    let said = other.env("NANOQGA_ACCEL", "tcg").current_dir("/").output()?;
    ensure!(said.status.success(), "{said:?}");
    Ok(())
}

#[test]
fn no_qemu_outlives_a_test_process_that_is_killed() -> Result<()> {
    const ROUNDS: u64 = 50;
    let folder = PrivateFolder::new()?;
    // By its path the guests are found.
    let kernel = folder.path().join("killed-kernel");
    fs::copy(image()?, &kernel)?;
    for round in 0..ROUNDS {
        let mut nanoqga = Command::new(images::nanoqga()?);
        nanoqga.args(["run-elf", "--test", "--isolation", "boot"]).arg(&kernel).args([
            "--test-threads",
            "2",
            "--skip",
            "waits",
        ]);
        let mut running = nanoqga.env("NANOQGA_ACCEL", "tcg").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        // No wait: any moment will do, from before the first guest is there to when some have ended.
        thread::sleep(Duration::from_millis(round * 37 % 500));
        running.kill()?;
        running.wait()?;
        soon().poll("the end of all guests of a process that was killed", || {
            let name = kernel.to_string_lossy();
            Ok((!processes_with(&name)?).then_some(()))
        })?;
    }
    Ok(())
}

/// Whether a process has a word on its command line.
fn processes_with(word: &str) -> Result<bool> {
    for process in fs::read_dir("/proc")? {
        // Others end at any time.
        let Ok(line) = fs::read(process?.path().join("cmdline")) else { continue };
        if String::from_utf8_lossy(&line).contains(word) {
            return Ok(true);
        }
    }
    Ok(false)
}
