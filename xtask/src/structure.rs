//! Checks of how the workspace is built up: which packages depend on which, and that no two files import items of each other.
//!
//! Packages are read from `cargo metadata`, files by a reader of their `use` lines and paths.

mod circles;
mod files;
mod imports;
mod syntax;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nanoqga_testkit::process::output;
use serde_json::Value;

use self::circles::circles;
use self::files::Files;
use crate::workspace::in_workspace;

const LIMIT: Duration = Duration::from_secs(60);

/// The workspace's packages, and which others of them each may depend on. What only tests or a build need does not count.
const ARROWS: &[(&str, &[&str])] = &[
    ("nanoqga", &[]),
    ("virtio-serial", &["nanoqga"]),
    ("serial-line", &[]),
    ("machine", &["serial-line"]),
    ("config", &[]),
    ("network", &[]),
    ("storage", &[]),
    ("appliance", &["config", "machine", "nanoqga", "network", "storage", "virtio-serial"]),
    ("example-kernel", &["machine", "nanoqga", "virtio-serial"]),
    ("capi", &["nanoqga"]),
    ("efi-loader", &[]),
    ("nanoqga-linux", &["nanoqga"]),
    ("proofs", &["nanoqga"]),
    ("nanoqga-testkit", &[]),
    ("debian", &["nanoqga-testkit"]),
    ("tests", &["debian", "nanoqga-testkit"]),
    ("xtask", &["debian", "efi-loader", "nanoqga", "nanoqga-testkit"]),
];

/// Checks that each package depends only on those that it may know.
///
/// # Errors
/// When one depends on another; the error names both.
pub(crate) fn arrows() -> Result<()> {
    Packages::read()?.follow(ARROWS)
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
        found.extend(circles(&files.imports()).into_iter().map(|circle| files.shown(&circle)));
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

    /// Checks the dependencies against a list of those that may be.
    fn follow(&self, arrows: &[(&str, &[&str])]) -> Result<()> {
        for (name, depends) in &self.dependencies {
            let listed = arrows.iter().find(|(listed, _)| listed == name);
            let (_, may) = listed.with_context(|| format!("package {name} is not on the list ARROWS: add it"))?;
            let others = depends.iter().filter(|other| self.dependencies.contains_key(*other));
            for other in others {
                ensure!(may.contains(&other.as_str()), "{name} must not know {other}, but depends on it");
            }
        }
        for (name, _) in arrows {
            ensure!(self.dependencies.contains_key(*name), "there is no package {name}: take it off the list ARROWS");
        }
        Ok(())
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

    const LIST: &[(&str, &[&str])] = &[("kit", &[]), ("tests", &["kit"])];

    #[test]
    fn an_arrow_that_is_not_on_the_list_is_an_error_that_names_it() {
        packages(&[("kit", &["libc"]), ("tests", &["kit", "libc"])]).follow(LIST).unwrap();
        let error = packages(&[("kit", &["tests"]), ("tests", &[])]).follow(LIST).unwrap_err();
        assert_eq!(error.to_string(), "kit must not know tests, but depends on it");
    }

    #[test]
    fn a_package_that_is_not_on_the_list_or_not_there_is_an_error() {
        let error = packages(&[("kit", &[]), ("tests", &[]), ("new", &[])]).follow(LIST).unwrap_err();
        assert_eq!(error.to_string(), "package new is not on the list ARROWS: add it");
        assert!(packages(&[("kit", &[])]).follow(LIST).is_err());
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
