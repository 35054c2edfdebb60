//! What an item of a source file says: its name, what it imports, and the paths in its code.

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// The names of a path, such as `crate`, a module and an item.
pub(super) type Segments = Vec<String>;

/// One name that a `use` brings.
#[derive(Clone, Debug)]
pub(super) struct Import {
    pub path: Segments,
    /// What it is called here, `None` for a glob.
    pub name: Option<String>,
    /// A re-export is for others: it does not make this file depend on that one.
    pub is_reexport: bool,
}

/// The paths in an item's code.
pub(super) fn paths(item: &Item) -> Vec<Segments> {
    let mut reader = Paths::default();
    reader.visit_item(item);
    reader.0
}

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
pub(super) fn imports(item: &ItemUse) -> Vec<Import> {
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

/// Whether an item is there in tests alone.
pub(super) fn is_for_tests(item: &Item) -> bool {
    attributes(item)
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .any(|attribute| attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test"))
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

/// The name that an item defines, if it defines one.
pub(super) fn name(item: &Item) -> Option<String> {
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
