//! The shape of the house: which packages may know each other, and that no two files import items of each other.
//!
//! Packages are read from `cargo metadata`, files by a reader of their `use` lines and paths.

mod circles;
mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nanoqga_testkit::process::output;
use serde_json::Value;

use self::circles::circles;
use self::files::Files;
use crate::image::in_workspace;

const LIMIT: Duration = Duration::from_secs(60);

/// Packages that must not reach one another, not even through others: from, to.
const APART: &[(&str, &str)] = &[
    ("machine", "agent-core"),
    ("machine", "network"),
    ("machine", "storage"),
    ("network", "agent-core"),
    ("network", "machine"),
    ("network", "storage"),
    ("storage", "agent-core"),
    ("storage", "machine"),
    ("storage", "network"),
    ("agent-core", "machine"),
    ("agent-core", "network"),
    ("agent-core", "storage"),
    ("agent-core", "virtio-serial"),
    ("virtio-serial", "machine"),
    ("nanoqga-testkit", "appliance"),
    ("nanoqga-testkit", "xtask"),
];

/// Programs and libraries whose files still import each other, each by its first file. The list may only become shorter.
const WITH_CIRCLES: [&str; 5] = [
    "targets/linux/src/lib.rs",
    "targets/proofs/src/lib.rs",
    "targets/virtio-serial/tests/serial/main.rs",
    "tests/differential/main.rs",
    "xtask/src/lib.rs",
];

/// Sees to it that no package reaches one that it must not know.
///
/// # Errors
/// When one does; the error names the way.
pub(crate) fn arrows() -> Result<()> {
    let packages = Packages::read()?;
    for (from, to) in APART {
        if let Some(way) = packages.way(from, to)? {
            bail!("{from} must not know {to}, but depends on it: {}", way.join(" -> "));
        }
    }
    Ok(())
}

/// Sees to it that no two files of a program or library import items of each other, not even through others.
///
/// # Errors
/// When some do; the error names each circle, and the names that tie it.
pub(crate) fn no_circles() -> Result<()> {
    let packages = Packages::read()?;
    let mut found = BTreeSet::new();
    for root in &packages.roots {
        let files = Files::read(Path::new(root))?;
        let circles = circles(&files.imports());
        if WITH_CIRCLES.iter().any(|known| Path::new(root).ends_with(known)) {
            ensure!(!circles.is_empty(), "{root} has no circle any more: take it off the list WITH_CIRCLES");
            continue;
        }
        found.extend(circles.into_iter().map(|circle| files.shown(&circle)));
    }
    let workspace = format!("{}/", packages.workspace);
    if found.is_empty() {
        return Ok(());
    }
    let found: Vec<_> = found.into_iter().map(|circle| circle.replace(&workspace, "")).collect();
    bail!("files import items of each other; move what both need into a file of its own:\n{}", found.join("\n\n"))
}

/// The workspace's packages.
#[derive(Debug, Default)]
struct Packages {
    /// What each depends on, not counting what only its tests or its build need.
    dependencies: BTreeMap<String, BTreeSet<String>>,
    /// The workspace's folder.
    workspace: String,
    /// The first file of each program, library, test and example.
    roots: BTreeSet<String>,
}

impl Packages {
    fn read() -> Result<Self> {
        let mut cargo = Command::new("cargo");
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        Self::of(&serde_json::from_str(&output(in_workspace(&mut cargo), LIMIT)?)?)
    }

    fn of(metadata: &Value) -> Result<Self> {
        let workspace = metadata["workspace_root"].as_str().unwrap_or_default().into();
        let mut packages = Self { workspace, ..Self::default() };
        let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
        for package in list(&metadata["packages"]) {
            let name = package["name"].as_str().context("a package has a name")?;
            let depends = list(&package["dependencies"]).into_iter().filter(|dependency| dependency["kind"].is_null());
            let names = depends.filter_map(|dependency| dependency["name"].as_str().map(String::from));
            packages.dependencies.insert(name.into(), names.collect());
            let roots = list(&package["targets"]).into_iter();
            packages.roots.extend(roots.filter_map(|target| target["src_path"].as_str().map(String::from)));
        }
        Ok(packages)
    }

    /// The packages from one to another, if there is a way.
    fn way<'a>(&'a self, from: &'a str, to: &str) -> Result<Option<Vec<&'a str>>> {
        for name in [from, to] {
            ensure!(
                self.dependencies.contains_key(name),
                "there is no package {name}: xtask/src/structure.rs names it"
            );
        }
        let (mut ways, mut seen) = (vec![vec![from]], BTreeSet::new());
        while let Some(way) = ways.pop() {
            let last = way[way.len() - 1];
            if last == to {
                return Ok(Some(way));
            }
            let next = self.dependencies.get(last).into_iter().flatten().filter(|name| seen.insert(name.as_str()));
            ways.extend(next.map(|name| [&way[..], &[name]].concat()));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(of: &[(&str, &[&str])]) -> Packages {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let dependencies = of.iter().map(|(name, list)| (name.to_string(), names(list))).collect();
        Packages { dependencies, ..Packages::default() }
    }

    #[test]
    fn a_way_through_others_is_found_and_named() {
        let house = packages(&[("tests", &["kit"]), ("kit", &["client"]), ("client", &["xtask"]), ("xtask", &["kit"])]);
        assert_eq!(house.way("tests", "xtask").unwrap(), Some(vec!["tests", "kit", "client", "xtask"]));
        assert_eq!(house.way("kit", "tests").unwrap(), None);
    }

    #[test]
    fn a_package_that_is_not_there_is_an_error_and_no_pass() {
        assert!(packages(&[("tests", &[])]).way("tests", "xtask").is_err());
    }

    #[test]
    fn what_only_tests_need_is_no_dependency() {
        let metadata = serde_json::json!({"packages": [{"name": "a", "targets": [{"src_path": "a/src/lib.rs"}],
            "dependencies": [{"name": "b", "kind": null}, {"name": "c", "kind": "dev"}, {"name": "d", "kind": "build"}]}]});
        let packages = Packages::of(&metadata).unwrap();
        assert_eq!(packages.dependencies["a"], BTreeSet::from(["b".into()]));
        assert_eq!(packages.roots, BTreeSet::from(["a/src/lib.rs".into()]));
    }
}
