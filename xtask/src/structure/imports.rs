//! Which file of a program or library imports items of which other.
//!
//! What counts are `use` declarations, and paths in code whose first part is a module or was imported. What is inside a macro's
//! call is not seen. A parent's `mod` and re-exports do not count.

use std::collections::{BTreeMap, BTreeSet};

use super::circles::Graph;
use super::files::Files;

/// How often a re-export of a re-export is followed.
const MAX_STEPS: usize = 16;

impl Files {
    /// Which file imports from which others.
    pub(super) fn imports(&self) -> Graph {
        let mut graph = Graph::new();
        for (from, to, _) in self.arrows() {
            graph.entry(from).or_default().insert(to);
        }
        graph
    }

    /// The imports within a circle: a line for each two files, with the names.
    pub(super) fn shown(&self, circle: &BTreeSet<usize>) -> String {
        let mut names: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
        for (from, to, name) in self.arrows() {
            if circle.contains(&from) && circle.contains(&to) {
                names.entry((from, to)).or_default().insert(name);
            }
        }
        let line = |((from, to), names): (&(usize, usize), &BTreeSet<String>)| {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            format!("  {} -> {}: {}", self.paths[*from].display(), self.paths[*to].display(), names.join(", "))
        };
        names.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// All imports: from a file, to a file, by a name.
    fn arrows(&self) -> Vec<(usize, usize, String)> {
        let mut arrows = Vec::new();
        for (index, module) in self.modules.iter().enumerate() {
            let used = module.imports.iter().filter(|import| !import.is_reexport).map(|import| &import.path);
            for path in used.chain(&module.paths) {
                for found in self.resolve(index, path, MAX_STEPS) {
                    if self.modules[found].file != module.file {
                        let name = path.last().cloned().unwrap_or_default();
                        arrows.push((module.file, self.modules[found].file, name));
                    }
                }
            }
        }
        arrows
    }

    /// The modules that define what a path in a module names; several where that depends on the architecture.
    fn resolve(&self, module: usize, path: &[String], steps: usize) -> Vec<usize> {
        let (Some((first, rest)), Some(steps)) = (path.split_first(), steps.checked_sub(1)) else {
            return Vec::new();
        };
        match first.as_str() {
            "crate" => self.resolve_in(0, rest, steps),
            "self" => self.resolve_in(module, rest, steps),
            "super" => self.modules[module].parent.map_or_else(Vec::new, |parent| self.resolve_in(parent, rest, steps)),
            // A single name is a local one, or was imported, which counts where it was.
            _ if rest.is_empty() => Vec::new(),
            _ => self.resolve_in(module, path, steps),
        }
    }

    /// The same for a path that begins in a module.
    fn resolve_in(&self, module: usize, path: &[String], steps: usize) -> Vec<usize> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        if first == "super" || first == "self" {
            return self.resolve(module, path, steps);
        }
        let here = &self.modules[module];
        if let Some(child) = here.children.get(first) {
            // A module that is imported as a whole is used by paths, which count.
            return self.resolve_in(*child, rest, steps);
        }
        if here.items.contains(first) {
            return vec![module];
        }
        if let (0, Some(found)) = (module, self.macros.get(first)) {
            return vec![*found];
        }
        let named = here.imports.iter().filter(|import| import.name.as_ref() == Some(first));
        let named: Vec<_> = named.flat_map(|import| self.follow(module, &import.path, rest, steps)).collect();
        if !named.is_empty() {
            return named;
        }
        let globs = here.imports.iter().filter(|import| import.name.is_none());
        globs.flat_map(|import| self.follow(module, &import.path, path, steps)).collect()
    }

    /// Resolves what a `use` of a module names, and `rest` behind it.
    fn follow(&self, module: usize, path: &[String], rest: &[String], steps: usize) -> Vec<usize> {
        let path = [path, rest].concat();
        // What is imported from the module itself, such as an enum's variants, leads nowhere else.
        match steps.checked_sub(1) {
            Some(steps) if path.len() > rest.len() => self.resolve(module, &path, steps),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nanoqga_testkit::folder::PrivateFolder;

    use super::super::circles::circles;
    use super::*;

    /// The circles among files with these names and texts, of which the first is the root.
    fn found(texts: &[(&str, &str)]) -> Vec<String> {
        let folder = PrivateFolder::new().unwrap();
        for (name, text) in texts {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let files = Files::read(&folder.path().join(texts[0].0)).unwrap();
        let place = format!("{}/", folder.path().display());
        circles(&files.imports()).iter().map(|circle| files.shown(circle).replace(&place, "")).collect()
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use super::a::A; pub struct B;"),
        ];
        assert_eq!(found(&files), ["  a.rs -> b.rs: B\n  b.rs -> a.rs: A"]);
    }

    #[test]
    fn a_re_export_leads_to_where_the_item_is() {
        let through_the_parent = [
            ("lib.rs", "mod a; mod b; pub use a::A; pub use b::*;"),
            ("a.rs", "use crate::B; pub struct A;"),
            ("b.rs", "pub struct B; fn f() -> crate::A { loop {} }"),
        ];
        assert_eq!(found(&through_the_parent), ["  a.rs -> b.rs: B\n  b.rs -> a.rs: A"]);
    }

    #[test]
    fn a_parent_may_have_modules_and_re_export_their_items() {
        let files = [
            ("lib.rs", "pub mod a;"),
            ("a.rs", "mod child; pub use self::child::Child; pub struct A;"),
            ("a/child.rs", "use super::A; pub struct Child(A);"),
        ];
        assert!(found(&files).is_empty());
        let uses_it = [files[0], ("a.rs", "mod child; use self::child::Child; pub struct A(Child);"), files[2]];
        assert_eq!(found(&uses_it), ["  a.rs -> a/child.rs: Child\n  a/child.rs -> a.rs: A"]);
    }

    #[test]
    fn a_module_that_is_imported_counts_where_its_items_are_used() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b; pub fn f() { b::g() }"),
            ("b.rs", "use crate::a; pub fn g() {} fn h() { a::f() }"),
        ];
        assert_eq!(found(&files), ["  a.rs -> b.rs: g\n  b.rs -> a.rs: f"]);
    }

    #[test]
    fn tests_and_other_crates_are_not_looked_at() {
        let files = [
            ("lib.rs", "mod a; mod b; #[cfg(test)] mod tests;"),
            ("a.rs", "use crate::b::B; use std::fmt::Display; pub struct A; #[cfg(test)] use crate::tests::Helper;"),
            ("b.rs", "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }"),
        ];
        assert!(found(&files).is_empty());
    }

    #[test]
    fn an_exported_macro_is_where_it_is_defined() {
        let files = [
            ("lib.rs", "mod log; mod port;"),
            ("log.rs", "use crate::port::Port; #[macro_export] macro_rules! log { () => {} }"),
            ("port.rs", "use crate::log; pub struct Port; "),
        ];
        // The module and the macro have one name: the module is nothing that could be imported in a circle.
        assert!(found(&files).is_empty());
        let files = [
            ("lib.rs", "mod console; mod port;"),
            ("console.rs", "use crate::port::Port; #[macro_export] macro_rules! log { () => {} }"),
            ("port.rs", "use crate::log; pub struct Port;"),
        ];
        assert_eq!(found(&files), ["  console.rs -> port.rs: Port\n  port.rs -> console.rs: log"]);
    }
}
