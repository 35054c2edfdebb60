//! Circles in a graph: Tarjan's strongly connected components.

use std::collections::{BTreeMap, BTreeSet};

/// Where each node's arrows lead.
pub(super) type Graph = BTreeMap<usize, BTreeSet<usize>>;

/// The sets of nodes that can all be reached from each other, but those of one node.
pub(super) fn circles(graph: &Graph) -> Vec<BTreeSet<usize>> {
    let mut search = Search { graph, order: BTreeMap::new(), open: Vec::new(), found: Vec::new() };
    for &node in graph.keys() {
        if !search.order.contains_key(&node) {
            search.visit(node);
        }
    }
    search.found
}

struct Search<'a> {
    graph: &'a Graph,
    /// When each node was met.
    order: BTreeMap<usize, usize>,
    /// Nodes whose set is not known yet.
    open: Vec<usize>,
    found: Vec<BTreeSet<usize>>,
}

impl Search<'_> {
    /// Gives when the earliest node was met that can be reached from this one.
    // A tree of files is not deep, so that recursion is fine.
    fn visit(&mut self, node: usize) -> usize {
        let now = self.order.len();
        self.order.insert(node, now);
        self.open.push(node);
        let mut low = now;
        for &next in self.graph.get(&node).into_iter().flatten() {
            if !self.order.contains_key(&next) {
                low = low.min(self.visit(next));
            } else if self.open.contains(&next) {
                low = low.min(self.order[&next]);
            }
        }
        if low == now {
            let start = self.open.iter().position(|&open| open == node).unwrap_or_default();
            let set: BTreeSet<_> = self.open.split_off(start).into_iter().collect();
            if set.len() > 1 {
                self.found.push(set);
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(arrows: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::new();
        for &(from, to) in arrows {
            graph.entry(from).or_default().insert(to);
        }
        graph
    }

    #[test]
    fn a_tree_has_no_circle() {
        assert!(circles(&graph(&[(0, 1), (0, 2), (1, 3), (2, 3)])).is_empty());
    }

    #[test]
    fn each_circle_is_found_whole() {
        let found = circles(&graph(&[(0, 1), (1, 2), (2, 1), (2, 3), (3, 4), (4, 5), (5, 3), (1, 5)]));
        assert_eq!(found, [BTreeSet::from([3, 4, 5]), BTreeSet::from([1, 2])]);
    }
}
