//! What `cargo xtask dist` makes: the same bytes in whatever folder, and for each program a bill of what is linked into it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::deadline::{SOON, factor};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::{output, run};
use serde_json::Value;
use tests::images::dist;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Copies the workspace as it is, without what is not to be committed.
fn copy_workspace(to: &Path) -> Result<()> {
    let script = "git ls-files -z --cached --others --exclude-standard | \
                  while IFS= read -r -d '' file; do if [ -e \"$file\" ]; then printf '%s\\0' \"$file\"; fi; done | \
                  xargs -0 cp --parents --no-dereference --target-directory \"$0\"";
    run(Command::new("bash").args(["-ec", script]).arg(to).current_dir(workspace()), SOON)
}

/// Builds a release of the workspace in a folder, as a user with this umask; returns its sums.
fn release(workspace: &Path, umask: &str, output: &Path) -> Result<String> {
    let mut build = Command::new("sh");
    build.args(["-c", &format!("umask {umask}; exec cargo xtask dist --output \"$0\"")]).arg(output);
    build.current_dir(workspace).stdout(io::stderr());
    // A copy has no commits, from which the date would be.
    build.env("SOURCE_DATE_EPOCH", "1767225600").env("TERM", "dumb").env("CARGO_INCREMENTAL", "0");
    run(&mut build, SOON * 60 * factor())?;
    fs::read_to_string(output.join("SHA256SUMS")).context("a release has no sums")
}

#[test]
fn releases_built_in_two_folders_are_the_same_bytes() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let copy = folder.path().join("another folder");
    fs::create_dir(&copy)?;
    copy_workspace(&copy)?;
    let second = release(&copy, "077", &folder.path().join("second"))?;
    let first = release(&workspace(), "022", &folder.path().join("first"))?;
    let differ: Vec<_> = first.lines().filter(|line| !second.contains(line)).collect();
    ensure!(first == second, "these files differ:\n{}", differ.join("\n"));
    for kind in [
        "/nano-riscv64\n",
        "/appliance-aarch64.qcow2\n",
        "/nano-xen-x86_64\n",
        "/appliance-xen-x86_64.qcow2\n",
        "/libnanoqga-riscv64imac.a\n",
        "/nanoqga.h\n",
        ".deb\n",
        ".cpio\n",
        ".tar.gz\n",
        "/APKBUILD\n",
        ".cdx.json\n",
    ] {
        ensure!(first.contains(kind), "a release has no {}:\n{first}", kind.trim());
    }
    Ok(())
}

/// A bill of materials, and the file that it is of.
fn bill(file: &str) -> Result<(PathBuf, Value)> {
    let file = dist()?.join(file);
    let bill = fs::read_to_string(format!("{}.cdx.json", file.display()))?;
    Ok((file, serde_json::from_str(&bill)?))
}

fn texts<'v>(list: &'v Value, name: &str) -> BTreeSet<&'v str> {
    list.as_array().into_iter().flatten().filter_map(|it| it[name].as_str()).collect()
}

#[test]
fn each_program_has_a_bill_of_what_is_linked_into_it() -> Result<()> {
    for (file, has, has_not) in [
        ("nano-x86_64", "virtio-drivers", "smoltcp"),
        ("appliance-x86_64", "smoltcp", "rustix"),
        ("appliance-x86_64.qcow2", "grub-pc-bin", "rustix"),
        ("nano-xen-x86_64", "machine", "smoltcp"),
        ("libnanoqga-x86_64.a", "capi", "virtio-drivers"),
        ("nanoqga-linux-x86_64", "musl", "virtio-drivers"),
    ] {
        let (path, bill) = bill(file)?;
        let names = texts(&bill["components"], "name");
        ensure!(names.contains(has) && names.contains("nanoqga") && names.contains("rust"), "{file}: {names:?}");
        // Neither a crate of another program, nor one that only builds or tests this one.
        for other in [has_not, "serde_derive", "proptest"] {
            ensure!(!names.contains(other), "{file} has {other}");
        }
        let sum = output(Command::new("sha256sum").arg(path), SOON)?;
        let told = bill["metadata"]["component"]["hashes"][0]["content"].as_str().context("a sum")?;
        ensure!(sum.starts_with(told), "{file}: {told} and {sum}");
        let parts = bill["components"].as_array().context("components")?;
        let from_registry = |part: &&Value| part["externalReferences"][0]["url"].is_string();
        for part in parts.iter().filter(from_registry) {
            ensure!(part["hashes"][0]["content"].as_str().is_some_and(|sum| sum.len() == 64), "{file}: {part}");
        }
        let dependencies = bill["dependencies"].as_array().context("dependencies")?;
        let needed = dependencies.iter().filter_map(|it| it["dependsOn"].as_array()).flatten();
        let needed: BTreeSet<_> = needed.filter_map(Value::as_str).collect();
        ensure!(needed == texts(&bill["components"], "bom-ref"), "{file}: what is needed is not what is there");
    }
    Ok(())
}
