//! The files of a program or library, and the modules in them.
//!
//! They are read from the sources alone. Tests within a file, and files that only tests have, are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::{Item, ItemMacro, ItemMod};

use super::syntax::{Import, Segments, imports, is_for_tests, name, paths};

/// A module: a file, or a part of one.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub file: usize,
    pub parent: Option<usize>,
    pub children: BTreeMap<String, usize>,
    /// The items that it defines.
    pub items: BTreeSet<String>,
    pub imports: Vec<Import>,
    /// Paths in its code.
    pub paths: Vec<Segments>,
}

/// The modules and files that belong to one root.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub paths: Vec<PathBuf>,
    pub modules: Vec<Module>,
    /// Exported macros, which can be named from the root, with the module of each.
    pub macros: BTreeMap<String, usize>,
}

impl Files {
    /// Reads a root and all modules that it has.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut files = Self::default();
        files.read_file(root, None, true)?;
        Ok(files)
    }

    /// Reads the file of a module, and gives the module's index. The modules of a root and of a `mod.rs` lie beside it.
    fn read_file(&mut self, path: &Path, parent: Option<usize>, is_root: bool) -> Result<usize> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let syntax = syn::parse_file(&text).with_context(|| format!("cannot parse {}", path.display()))?;
        let file = self.paths.len();
        self.paths.push(path.into());
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let stem = path.file_stem().unwrap_or_default();
        let folder = if is_root || stem == "mod" { folder } else { folder.join(stem) };
        self.read_module(&syntax.items, file, parent, &folder)
    }

    /// Reads the items of a module, and gives its index. Its modules lie in `folder`.
    fn read_module(&mut self, items: &[Item], file: usize, parent: Option<usize>, folder: &Path) -> Result<usize> {
        let index = self.modules.len();
        self.modules.push(Module { file, parent, ..Module::default() });
        for item in items.iter().filter(|item| !is_for_tests(item)) {
            match item {
                Item::Use(item) => self.modules[index].imports.extend(imports(item)),
                Item::Mod(item) => {
                    let child = self.read_child(item, index, folder)?;
                    self.modules[index].children.extend(child.map(|child| (item.ident.to_string(), child)));
                }
                Item::Macro(ItemMacro { ident: Some(name), attrs, .. })
                    if attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) =>
                {
                    self.macros.insert(name.to_string(), index);
                }
                _ => {
                    self.modules[index].items.extend(name(item));
                    self.modules[index].paths.extend(paths(item));
                }
            }
        }
        Ok(index)
    }

    /// Reads a module that a module has: in the same file, or in one of its own.
    fn read_child(&mut self, item: &ItemMod, parent: usize, folder: &Path) -> Result<Option<usize>> {
        let name = item.ident.to_string();
        if let Some((_, items)) = &item.content {
            let file = self.modules[parent].file;
            return self.read_module(items, file, Some(parent), &folder.join(name)).map(Some);
        }
        let places = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
        match places.iter().find(|place| place.exists()) {
            Some(place) => self.read_file(place, Some(parent), false).map(Some),
            // Elsewhere, by an attribute `path`: shared by several roots, which no file of this one imports from in a circle.
            None => Ok(None),
        }
    }
}
