//! The files of a program or library, and what each imports from which.
//!
//! Read from the sources alone: `use` declarations, and paths in code whose first part is a module or was imported. What is
//! inside a macro's call is not seen. Tests within a file, and files that only tests have, do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMacro, ItemMod, ItemUse, UseTree, Visibility};

use super::circles::Graph;

/// A name in a path, such as `crate`, or a module's.
type Segments = Vec<String>;

/// A module: a file, or a part of one.
#[derive(Debug, Default)]
struct Module {
    file: usize,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// The items that it defines.
    items: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths in its code.
    paths: Vec<Segments>,
}

/// One name that a `use` brings.
#[derive(Clone, Debug)]
struct Import {
    path: Segments,
    /// What it is called here, `None` for a glob.
    name: Option<String>,
    /// A re-export is for others: it does not make this file depend on that one.
    is_reexport: bool,
}

/// The modules and files that belong to one root.
#[derive(Debug, Default)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    modules: Vec<Module>,
    /// Exported macros, which can be named from the root, with the module of each.
    macros: BTreeMap<String, usize>,
}

/// How often a re-export of a re-export is followed.
const MAX_STEPS: usize = 16;

impl Files {
    /// Reads a root and all modules that it has.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut files = Self::default();
        files.file(root, None, true)?;
        Ok(files)
    }

    /// Which file imports from which others.
    pub(super) fn imports(&self) -> Graph {
        let mut graph = Graph::new();
        for (from, to, _) in self.arrows() {
            graph.entry(from).or_default().insert(to);
        }
        graph
    }

    /// The arrows within a circle, a line each.
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

    /// From a file, to a file, by a name.
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

    fn follow(&self, module: usize, path: &[String], rest: &[String], steps: usize) -> Vec<usize> {
        let path = [path, rest].concat();
        // What is imported from the module itself, such as an enum's variants, leads nowhere else.
        match steps.checked_sub(1) {
            Some(steps) if path.len() > rest.len() => self.resolve(module, &path, steps),
            _ => Vec::new(),
        }
    }

    /// Reads the file of a module. The files of a root's, and of a `mod.rs`'s, modules lie beside it.
    fn file(&mut self, path: &Path, parent: Option<usize>, is_root: bool) -> Result<usize> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let syntax = syn::parse_file(&text).with_context(|| format!("cannot parse {}", path.display()))?;
        let file = self.paths.len();
        self.paths.push(path.into());
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let stem = path.file_stem().unwrap_or_default();
        let folder = if is_root || stem == "mod" { folder } else { folder.join(stem) };
        self.module(&syntax.items, file, parent, &folder)
    }

    fn module(&mut self, items: &[Item], file: usize, parent: Option<usize>, folder: &Path) -> Result<usize> {
        let index = self.modules.len();
        self.modules.push(Module { file, parent, ..Module::default() });
        for item in items.iter().filter(|item| !attributes(item).iter().any(is_for_tests)) {
            match item {
                Item::Use(item) => self.modules[index].imports.extend(imports(item)),
                Item::Mod(item) => {
                    let child = self.child(item, index, folder)?;
                    self.modules[index].children.extend(child.map(|child| (item.ident.to_string(), child)));
                }
                Item::Macro(ItemMacro { ident: Some(name), attrs, .. })
                    if attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) =>
                {
                    self.macros.insert(name.to_string(), index);
                }
                _ => {
                    self.modules[index].items.extend(name(item));
                    let mut reader = Paths::default();
                    reader.visit_item(item);
                    self.modules[index].paths.append(&mut reader.0);
                }
            }
        }
        Ok(index)
    }

    /// A module of a module's: in the same file, or in one of its own.
    fn child(&mut self, item: &ItemMod, parent: usize, folder: &Path) -> Result<Option<usize>> {
        let name = item.ident.to_string();
        if let Some((_, items)) = &item.content {
            let file = self.modules[parent].file;
            return self.module(items, file, Some(parent), &folder.join(name)).map(Some);
        }
        let places = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
        match places.iter().find(|place| place.exists()) {
            Some(place) => self.file(place, Some(parent), false).map(Some),
            // Elsewhere, by an attribute `path`: shared by several roots, which no file of this one imports from in a circle.
            None => Ok(None),
        }
    }
}

/// The paths in code.
#[derive(Default)]
struct Paths(Vec<Segments>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // Within a function.
        self.0.extend(imports(item).into_iter().map(|import| import.path));
    }

    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}
}

/// The names that a declaration brings.
fn imports(item: &ItemUse) -> Vec<Import> {
    let mut found = Vec::new();
    let is_reexport = !matches!(item.vis, Visibility::Inherited);
    let mut open = vec![(Segments::new(), &item.tree)];
    while let Some((mut path, tree)) = open.pop() {
        match tree {
            UseTree::Path(part) => {
                path.push(part.ident.to_string());
                open.push((path, &part.tree));
            }
            UseTree::Group(group) => open.extend(group.items.iter().map(|tree| (path.clone(), tree))),
            UseTree::Glob(_) => found.push(Import { path, name: None, is_reexport }),
            UseTree::Name(part) if part.ident == "self" => {
                let name = path.last().cloned();
                found.push(Import { path, name, is_reexport });
            }
            UseTree::Name(part) => {
                path.push(part.ident.to_string());
                found.push(Import { path, name: Some(part.ident.to_string()), is_reexport });
            }
            UseTree::Rename(part) => {
                if part.ident != "self" {
                    path.push(part.ident.to_string());
                }
                found.push(Import { path, name: Some(part.rename.to_string()), is_reexport });
            }
        }
    }
    found
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Union(item) => item.ident.to_string(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::circles::circles;
    use super::*;
    use nanoqga_testkit::guest::PrivateFolder;

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
