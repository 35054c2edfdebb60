//! Files that are copied into the guest and out of it. Both agents are programs of this host, so that both copies can be
//! compared with their original here.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Result, ensure};
use tests::hostile::Noise;

use crate::agents::{Agent, with_both};
use crate::run::{command, finish};

with_both![
    a_hundred_mib_go_there_and_back,
    a_pipe_is_copied_and_an_empty_file_too,
    a_copy_that_fails_names_what_is_incomplete,
    a_file_that_never_ends_is_copied_until_the_time_limit,
];

/// So many MiB in which no block is like another.
fn noise(path: &Path, mib: usize) -> Result<()> {
    let mut noise = Noise::new(mib as u64);
    let mut block = noise.bytes(1 << 20);
    let mut file = File::create(path)?;
    for index in 0..mib {
        block[..8].copy_from_slice(&index.to_le_bytes());
        file.write_all(&block)?;
    }
    Ok(())
}

fn same(one: &Path, other: &Path) -> Result<()> {
    let (one, other) = (fs::read(one)?, fs::read(other)?);
    ensure!(one.len() == other.len(), "{} bytes and {}", one.len(), other.len());
    ensure!(one == other, "the bytes differ");
    Ok(())
}

fn a_hundred_mib_go_there_and_back(agent: &Agent) -> Result<()> {
    let [original, inside, back] = ["original", "inside", "back"].map(|name| agent.path(name));
    noise(&original, 100)?;
    let [from, to, again] = [&original, &inside, &back].map(|path| path.display().to_string());
    let said = agent.nanoqga(&["push", &from, &to, "--json"])?.ok()?;
    ensure!(said.json()?["bytes"] == 100 << 20, "{said:?}");
    same(&original, &inside)?;
    let said = agent.nanoqga(&["pull", &to, &again])?.ok()?;
    ensure!(said.stderr.starts_with("100.00 MiB in ") && said.stdout.is_empty(), "{said:?}");
    same(&original, &back)
}

fn a_pipe_is_copied_and_an_empty_file_too(agent: &Agent) -> Result<()> {
    let [inside, empty, back] = ["inside", "empty", "back"].map(|name| agent.path(name).display().to_string());
    agent.nanoqga_with(&["push", "-", &inside], "through a pipe")?.ok()?;
    let said = agent.nanoqga(&["pull", &inside, "-"])?.ok()?;
    ensure!(said.stdout == "through a pipe", "{said:?}");
    // A shorter file replaces a longer one.
    agent.nanoqga(&["push", "/dev/null", &inside])?.ok()?;
    agent.nanoqga(&["pull", &inside, &empty])?.ok()?;
    ensure!(fs::read(&inside)?.is_empty() && fs::read(&empty)?.is_empty());
    // Folders get a file of the same name.
    fs::create_dir(agent.path("folder"))?;
    fs::write(&back, "text")?;
    let folder = format!("{}/", agent.path("folder").display());
    agent.nanoqga(&["push", &back, &folder])?.ok()?;
    fs::remove_file(&back)?;
    agent.nanoqga(&["pull", &format!("{folder}back"), &agent.path("").display().to_string()])?.ok()?;
    ensure!(fs::read(&back)? == b"text");
    Ok(())
}

fn a_copy_that_fails_names_what_is_incomplete(agent: &Agent) -> Result<()> {
    let source = agent.path("source");
    noise(&source, 2)?;
    // A device without room, in the guest and here.
    let said = agent.nanoqga(&["push", &source.display().to_string(), "/dev/full"])?;
    said.failed(125, "/dev/full in the guest is incomplete: ")?;
    let said = agent.nanoqga(&["pull", &source.display().to_string(), "/dev/full"])?;
    said.failed(125, "/dev/full is missing or incomplete: ")?;
    is_closed(agent, &source)?;
    is_closed(agent, Path::new("/dev/full"))
}

/// The agent has a file open no longer.
fn is_closed(agent: &Agent, path: &Path) -> Result<()> {
    let open = fs::read_dir(format!("/proc/{}/fd", agent.pid()))?.flatten();
    let left: Vec<_> = open.filter_map(|file| fs::read_link(file.path()).ok()).collect();
    ensure!(!left.iter().any(|file| file == path), "{left:?}");
    Ok(())
}

fn a_file_that_never_ends_is_copied_until_the_time_limit(agent: &Agent) -> Result<()> {
    let mut pull = command(&["--socket", agent.socket(), "--timeout", "0.5", "pull", "/dev/zero", "/dev/null"])?;
    finish(&mut pull)?.failed(124, "/dev/null is missing or incomplete: ")?;
    is_closed(agent, Path::new("/dev/zero"))
}
