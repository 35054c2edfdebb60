//! The bill of materials of a file: what others have made that is in it, in CycloneDX's format 1.6.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use nanoqga_testkit::process::output;
use serde_json::{Value, json};

use super::crates;
use super::files::{TOOL, VERSION};
use crate::image::Profile;
use crate::toolchain::Toolchain;

const LICENCE: &str = "MIT OR Apache-2.0";

/// What a file is made of.
#[derive(Debug, Default)]
pub(super) struct Bill {
    /// By their names in the bill.
    parts: BTreeMap<String, Part>,
    /// The parts that the file consists of; these need the others.
    first: BTreeSet<String>,
}

#[derive(Debug)]
struct Part {
    component: Value,
    needs: BTreeSet<String>,
}

impl Bill {
    /// Adds a program that was compiled for a Rust target: its crates, Rust's own libraries, and musl where it is linked.
    ///
    /// # Errors
    /// When cargo or rustc fails.
    pub(super) fn program(&mut self, program: &Profile, target: &'static str) -> Result<()> {
        self.package(program.package, program.feature.unwrap_or_default(), target)
    }

    /// Does the same with what is compiled from a package with these features.
    ///
    /// # Errors
    /// As [`Bill::program`].
    pub(super) fn package(&mut self, package: &str, features: &str, target: &'static str) -> Result<()> {
        let checksums = crates::checksums()?;
        let mut above = Vec::<String>::new();
        for it in crates::linked(package, features, target)? {
            let name = format!("pkg:cargo/{}@{}", it.name, it.version);
            let mut component = component(&name, &it.name, Some(&it.version), &it.licence);
            component["purl"] = json!(name);
            if !it.repository.is_empty() {
                component["externalReferences"] = json!([{"type": "vcs", "url": it.repository}]);
            }
            if let Some(sum) = checksums.get(&(it.name, it.version)) {
                component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
            }
            above.truncate(it.depth);
            self.add(component, &name, above.last());
            above.push(name);
        }
        let rust = Toolchain::for_target(target)?.version()?;
        let name = format!("rust@{rust}");
        let mut core = component(&name, "rust", Some(&rust), LICENCE);
        core["description"] = json!("What the program needs of the libraries core, alloc and compiler_builtins");
        self.add(core, &name, above.first());
        if target.contains("-musl") {
            self.add(component("musl", "musl", None, "MIT"), "musl", above.first());
        }
        Ok(())
    }

    /// Adds what comes from an installed Debian package.
    ///
    /// # Errors
    /// When it is not installed.
    pub(super) fn debian(&mut self, package: &str, licence: &str) -> Result<()> {
        let version = output(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", package]), TOOL)
            .with_context(|| format!("the bill of materials needs the version of Debian's package {package}: `cargo xtask setup` installs it"))?;
        // A version may have signs that addresses give a meaning.
        let name = format!("pkg:deb/debian/{package}@{}", version.replace('+', "%2B").replace(':', "%3A"));
        let mut component = component(&name, package, Some(&version), licence);
        component["purl"] = json!(name);
        self.add(component, &name, None);
        Ok(())
    }

    /// Adds a component that another one needs, or the file itself.
    fn add(&mut self, component: Value, name: &str, needed_by: Option<&String>) {
        self.parts.entry(name.into()).or_insert_with(|| Part { component, needs: BTreeSet::new() });
        match needed_by.and_then(|above| self.parts.get_mut(above)) {
            Some(above) => above.needs.insert(name.into()),
            None => self.first.insert(name.into()),
        };
    }

    /// Writes the bill of a file beside it: to `FILE.cdx.json`.
    ///
    /// # Errors
    /// When the file cannot be read, or the bill written.
    pub(super) fn write(&self, file: &Path, date: &str) -> Result<()> {
        let sum = output(Command::new("sha256sum").arg(file), TOOL)?;
        let sum = sum.split_whitespace().next().context("sha256sum printed no sum")?;
        let time = output(Command::new("date").args(["--utc", "+%FT%TZ", "--date"]).arg(format!("@{date}")), TOOL)?;
        let name = file.file_name().context("a file has a name")?.to_string_lossy();
        let mut bill = serde_json::to_string_pretty(&self.json(&name, sum, time.trim()))?;
        bill.push('\n');
        let mut path = OsString::from(file);
        path.push(".cdx.json");
        fs::write(&path, bill).with_context(|| format!("cannot write {}", path.display()))
    }

    fn json(&self, name: &str, sum: &str, time: &str) -> Value {
        let mut file = component(name, name, Some(VERSION), LICENCE);
        file["type"] = json!("application");
        file["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
        let needs = |part: (&String, &Part)| json!({"ref": part.0, "dependsOn": part.1.needs});
        let mut dependencies = vec![json!({"ref": name, "dependsOn": self.first})];
        dependencies.extend(self.parts.iter().map(needs));
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"timestamp": time, "component": file},
            "components": self.parts.values().map(|part| &part.component).collect::<Vec<_>>(),
            "dependencies": dependencies,
        })
    }
}

fn component(reference: &str, name: &str, version: Option<&str>, licence: &str) -> Value {
    let mut component = json!({
        "type": "library", "bom-ref": reference, "name": name, "licenses": [{"expression": licence}],
    });
    if let Some(version) = version {
        component["version"] = json!(version);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_says_what_needs_what() {
        let mut bill = Bill::default();
        bill.add(component("a@1", "a", Some("1"), "MIT"), "a@1", None);
        for above in ["a@1", "c@3"] {
            bill.add(component("c@3", "c", Some("3"), "MIT"), "c@3", Some(&"a@1".into()));
            bill.add(component("b", "b", None, "MIT"), "b", Some(&above.into()));
        }
        let bill = bill.json("file", "12ab", "2026-01-02T03:04:05Z");
        assert_eq!(bill["metadata"]["component"]["hashes"][0]["content"], "12ab");
        let names: Vec<_> = bill["components"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let needs = json!([
            {"ref": "file", "dependsOn": ["a@1"]},
            {"ref": "a@1", "dependsOn": ["b", "c@3"]},
            {"ref": "b", "dependsOn": []},
            {"ref": "c@3", "dependsOn": ["b"]},
        ]);
        assert_eq!(bill["dependencies"], needs);
    }
}
