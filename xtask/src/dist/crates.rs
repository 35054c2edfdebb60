//! The crates that are linked into a program, as cargo resolves them.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use nanoqga_testkit::process::output;

use super::files::TOOL;
use crate::workspace::{self, in_workspace};

/// A crate in the tree of a program. One that is needed at several places is there several times.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crate {
    /// How far it is from the program's own package, which is 0.
    pub depth: usize,
    pub name: String,
    pub version: String,
    /// An SPDX expression.
    pub licence: String,
    /// Where its source is kept. Empty for packages of this workspace.
    pub repository: String,
}

/// The crates of a package with these features for a Rust target, each behind the one that needs it. What only builds or tests it is
/// left out.
///
/// # Errors
/// When cargo cannot resolve them.
pub(super) fn linked(package: &str, features: &str, target: &str) -> Result<Vec<Crate>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["tree", "--quiet", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "depth"]);
    cargo.args(["--format", "|{p}|{l}|{r}", "--package", package, "--target", target]);
    cargo.args(["--features", features]);
    let tree = output(in_workspace(&mut cargo), TOOL)?;
    tree.lines()
        .map(|line| {
            Crate::read(line)
                .with_context(|| format!("`cargo tree` wrote a line that is no crate with its licence: {line}"))
        })
        .collect()
}

impl Crate {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.trim_end_matches(" (*)").split('|');
        let depth = fields.next()?.parse().ok()?;
        let mut package = fields.next()?.split(' ');
        let (name, version) = (package.next()?.into(), package.next()?.strip_prefix('v')?.into());
        // As crates wrote it before there were expressions.
        let licence = fields.next()?.replace('/', " OR ");
        Some(Self { depth, name, version, licence, repository: fields.next()?.into() })
    }
}

/// The SHA-256 that Cargo.lock has of each crate's source, by name and version.
///
/// # Errors
/// When there is no Cargo.lock.
pub(super) fn checksums() -> Result<BTreeMap<(String, String), String>> {
    Ok(locked(&fs::read_to_string(workspace::path("Cargo.lock"))?))
}

fn locked(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
        line.and_then(|value| value.strip_suffix('"')).map(String::from)
    };
    let packages = lock.split("[[package]]").filter_map(|package| {
        Some(((value(package, "name")?, value(package, "version")?), value(package, "checksum")?))
    });
    packages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_tree_is_a_crate_with_its_licence_and_source() {
        let read = |line| Crate::read(line).map(|it| (it.depth, it.name, it.version, it.licence, it.repository));
        let all = |depth, name: &str, version: &str, licence: &str, repository: &str| {
            Some((depth, name.into(), version.into(), licence.into(), repository.into()))
        };
        assert_eq!(
            read("1|nanoqga v0.1.0 (/a/agent-core)|MIT OR Apache-2.0|"),
            all(1, "nanoqga", "0.1.0", "MIT OR Apache-2.0", "")
        );
        assert_eq!(read("12|ryu v1.0.23|Apache-2.0/MIT|https://a/ryu (*)"), {
            all(12, "ryu", "1.0.23", "Apache-2.0 OR MIT", "https://a/ryu")
        });
        assert_eq!(read("warning: a"), None);
    }

    #[test]
    fn packages_from_a_registry_have_a_checksum() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"12ab\"\ndependencies = [\n \"b\",\n]\n\n\
                    [[package]]\nname = \"b\"\nversion = \"0.1.0\"\n";
        assert_eq!(locked(lock), BTreeMap::from([(("a".into(), "1.0.0".into()), "12ab".into())]));
    }
}
