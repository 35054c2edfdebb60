//! The machine's device tree, for whoever has to look up something later.

use crate::cell::FoundAtBoot;
use crate::device_tree::Tree;

static TREE: FoundAtBoot<Tree<'static>> = FoundAtBoot::new();

/// Keeps the tree of a machine that starts.
pub(crate) fn keep(tree: Tree<'static>) -> &'static Tree<'static> {
    TREE.give(tree)
}

/// The machine's tree. `None` before the machine has started.
pub(crate) fn tree() -> Option<&'static Tree<'static>> {
    TREE.get()
}
