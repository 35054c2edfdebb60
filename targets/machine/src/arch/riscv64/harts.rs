//! How the device tree refers to this hart's supervisor mode, which devices interrupt.

use super::cpu::boot_hart;
use crate::device_tree::{Node, Tree, cells};

/// The external interrupt of a hart's supervisor mode, in its own controller's numbers.
const SUPERVISOR_EXTERNAL: u32 = 9;

/// The number by which nodes refer to this hart's own interrupt controller, which is a node within the hart's.
pub(super) fn hart_controller(tree: &Tree<'_>) -> Option<u32> {
    let this = |node: &Node<'_>| {
        node.string("device_type") == Some(b"cpu") && node.registers(0).is_some_and(|(id, _)| id == boot_hart().into())
    };
    let mut from_hart_on = tree.nodes().skip_while(|node| !this(node));
    from_hart_on.find(|node| node.is_compatible("riscv,cpu-intc"))?.cell("phandle")
}

/// The place of a hart's supervisor mode among those that a controller interrupts: `interrupts-extended`.
pub(super) fn place_of(hart: u32, controller: &Node<'_>) -> Option<usize> {
    let mut places = controller.property("interrupts-extended")?.as_chunks::<8>().0.iter();
    places.position(|place| cells(place).eq([hart, SUPERVISOR_EXTERNAL]))
}
