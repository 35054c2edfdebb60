//! The generic interrupt controller (Arm IHI 0048 and, from version 3 on, IHI 0069), for one purpose: that an idle guest sleeps
//! until a device has something for it.
//!
//! Interrupts are levels here and are never acknowledged: one is there as long as its device wants something, and that ends
//! a sleep, taken or not.

use super::cpu::wait_for_interrupt;
use super::distributor::Distributor;
use super::gic_v2::{self, GicV2};
use super::gic_v3::{self, GicV3};
use crate::device_tree::{Node, Tree, cells};
use crate::memory::Window;

const PRIVATE: u32 = 16;
const SHARED: u32 = 32;

/// The controller, as this CPU has it.
#[derive(Debug)]
pub(crate) struct Interrupts(Controller);

#[derive(Debug)]
enum Controller {
    V2(GicV2),
    V3(GicV3),
}

impl Interrupts {
    /// The controller, with every device's interrupt off.
    pub(crate) fn find(tree: &Tree<'_>) -> Option<Self> {
        let version_2 = ["arm,cortex-a15-gic", "arm,gic-400"].into_iter().find_map(|name| tree.compatible(name).next());
        let node = version_2.or_else(|| tree.compatible("arm,gic-v3").next())?;
        // SAFETY: The tree says that these are the controller's registers, and mapped they are; this is called once.
        let controller = unsafe {
            let size = if version_2.is_some() { gic_v2::DISTRIBUTOR_SIZE } else { gic_v3::DISTRIBUTOR_SIZE };
            let distributor = Distributor::new(registers(&node, 0, size)?);
            match version_2 {
                Some(_) => Controller::V2(GicV2::start(distributor, registers(&node, 1, gic_v2::CPU_INTERFACE_SIZE)?)),
                None => Controller::V3(GicV3::start(distributor, registers(&node, 1, 0)?)?),
            }
        };
        let interrupts = Self(controller);
        // The virtual timer's is the third that the timer's node names.
        let timer = tree.compatible("arm,armv8-timer").find_map(|node| node.interrupt()?.get(24..));
        timer.and_then(Self::number).into_iter().for_each(|number| interrupts.unmask(number));
        Some(interrupts)
    }

    /// The number of the interrupt that these cells describe.
    pub(crate) fn number(specifier: &[u8]) -> Option<u32> {
        let mut cells = cells(specifier);
        let first = match cells.next()? {
            0 => SHARED,
            1 => PRIVATE,
            _ => return None,
        };
        cells.next()?.checked_add(first)
    }

    /// Lets an interrupt wake the guest.
    pub(crate) fn unmask(&self, number: u32) {
        match &self.0 {
            Controller::V2(gic) => gic.unmask(number),
            Controller::V3(gic) => gic.unmask(number),
        }
    }

    /// Sleeps until a device interrupts. One that did so since it was last asked ends the sleep at once.
    pub(crate) fn sleep(&self) {
        wait_for_interrupt();
    }
}

/// The registers that a node names, if there are at least as many bytes.
fn registers(node: &Node<'_>, index: usize, least: u32) -> Option<Window> {
    let (address, size) = node.registers(index)?;
    let length = u32::try_from(size).unwrap_or(u32::MAX);
    (address.is_multiple_of(8) && length >= least).then_some(Window { address, length })
}
