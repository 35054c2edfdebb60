//! The recipes whose builders are not here, done by their parts: what they say is done as those would do it.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::{is_root, output};
use serde_json::json;
use tests::images::dist;
use tests::soon;

/// What abuild does with an APKBUILD: fetches and checks the source, unpacks it, and has it install itself.
const ABUILD: &str = r#"
set -e
srcdir=$PWD/src pkgdir=$PWD/pkg CARCH=x86_64
. "$0/alpine/APKBUILD"
test -n "$pkgname" -a -n "$url" -a -n "$license"
mkdir "$srcdir"
cp "$0/alpine/$source" .
echo "$sha512sums" | sha512sum --check --quiet
tar -C "$srcdir" -xf "$source"
(package)
find pkg -type f -printf '%m %P\n' | sort
"#;

#[test]
fn alpines_recipe_installs_what_it_names() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let mut build = Command::new("bash");
    let installed = output(build.args(["-c", ABUILD]).arg(dist()?).current_dir(folder.path()), SOON)?;
    let expected = "644 etc/conf.d/qemu-guest-agent\n644 etc/qemu/qemu-ga.conf\n755 etc/init.d/qemu-guest-agent\n\
                    755 usr/sbin/qemu-ga\n";
    ensure!(installed == expected, "{installed}");
    let said = output(Command::new(folder.path().join("pkg/usr/sbin/qemu-ga")).arg("--version"), SOON)?;
    ensure!(said.starts_with("QEMU Guest Agent "), "{said}");
    Ok(())
}

/// A process that ends with this.
struct Container(std::process::Child);

impl Drop for Container {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes what a file for containers says in a folder; returns the words that the container starts with.
fn make(recipe: &str, root: &std::path::Path) -> Result<Vec<String>> {
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut entry = Vec::new();
    for line in recipe.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let filled = variables.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
        match *filled.split(' ').collect::<Vec<_>>() {
            ["FROM", "scratch"] => {}
            ["ARG", set] => {
                let (name, value) = set.split_once('=').context("an ARG without a value")?;
                variables.push((format!("${{{name}}}"), value.to_owned()));
            }
            ["COPY", from, to] => {
                fs::copy(dist()?.join(from), root.join(to.trim_start_matches('/')))?;
            }
            ["ENTRYPOINT", ..] => entry = serde_json::from_str(filled.trim_start_matches("ENTRYPOINT "))?,
            _ => bail!("nobody has done this here: {line}"),
        }
    }
    Ok(entry)
}

#[test]
fn the_container_answers_and_ends_when_it_is_shut_down() -> Result<()> {
    ensure!(is_root(), "only root can start containers");
    let folder = PrivateFolder::new()?;
    let root = folder.path();
    // What every runtime of containers brings; the folder of the socket is mounted as the file says.
    for name in ["proc", "dev", "run"] {
        fs::create_dir(root.join(name))?;
    }
    output(Command::new("mknod").arg(root.join("dev/null")).args(["c", "1", "3"]), SOON)?;
    let entry = make(&fs::read_to_string(dist()?.join("container/Containerfile"))?, root)?;
    let said = File::create(root.join("said"))?;
    let mut start = Command::new("unshare");
    start.args(["--pid", "--fork", "--kill-child", "--mount", "--uts", "--net", "--ipc", "--root"]).arg(root);
    start.arg("--mount-proc").args(entry).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    let mut container = Container(start.spawn().context("util-linux's unshare")?);
    let mut agent = Client::connect(&root.join("run/qga.sock"), soon())
        .with_context(|| fs::read_to_string(root.join("said")).unwrap_or_default())?;
    ensure!(agent.execute("guest-ping", json!({}), soon())? == json!({}));
    let interfaces = agent.execute("guest-network-get-interfaces", json!({}), soon())?;
    ensure!(interfaces.as_array().is_some_and(|all| all.len() == 1), "it has a network of its own: {interfaces}");
    let started = agent.execute("guest-exec", json!({"path": "/qemu-ga", "arg": ["--version"]}), soon())?;
    let status = soon().poll("the end of a program", || {
        let status = agent.execute("guest-exec-status", started.clone(), soon())?;
        Ok((status["exited"] == true).then_some(status))
    })?;
    ensure!(status["exitcode"] == 0, "{status}");
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    soon().poll("the end of the container", || Ok(container.0.try_wait()?.map(drop)))
}
