//! The generic interrupt controller (Arm IHI 0048 and, from version 3 on, IHI 0069), for one purpose: that an idle guest sleeps
//! until a device has something for it.
//!
//! Interrupts are levels here and are never acknowledged: one is there as long as its device wants something, and that ends
//! a sleep, taken or not.

use core::cell::RefCell;
use core::fmt;
use core::ptr::{self, NonNull};

use arm_gic::IntId;

use super::cpu::wait_for_interrupt;
use super::gic_v2::GicV2;
use super::gic_v3::GicV3;
use crate::device_tree::{Node, Tree, cells};

const PRIVATE: u32 = 16;
const SHARED: u32 = 32;

/// The controller, as this CPU has it.
pub(crate) struct Interrupts(RefCell<Controller>);

enum Controller {
    V2(GicV2),
    V3(GicV3),
}

impl fmt::Debug for Interrupts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupts").finish_non_exhaustive()
    }
}

impl Interrupts {
    /// The controller, with every device's interrupt off.
    pub(crate) fn find(tree: &Tree<'_>) -> Option<Self> {
        let version_2 = ["arm,cortex-a15-gic", "arm,gic-400"].into_iter().find_map(|name| tree.compatible(name).next());
        let controller = match version_2 {
            Some(node) => Controller::V2(GicV2::start(registers(&node, 0)?, registers(&node, 1)?)),
            None => {
                let node = tree.compatible("arm,gic-v3").next()?;
                Controller::V3(GicV3::start(registers(&node, 0)?, registers(&node, 1)?, node.registers(1)?.1)?)
            }
        };
        let interrupts = Self(RefCell::new(controller));
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
        let interrupt = match number {
            PRIVATE..SHARED => IntId::ppi(number - PRIVATE),
            _ if number.checked_sub(SHARED).is_some_and(|shared| shared < IntId::MAX_SPI_COUNT) => {
                IntId::spi(number - SHARED)
            }
            _ => return,
        };
        // Nothing else uses the controller meanwhile.
        let Ok(mut controller) = self.0.try_borrow_mut() else { return };
        match &mut *controller {
            Controller::V2(gic) => gic.unmask(interrupt),
            // Interrupts of other kinds than these two it has none.
            Controller::V3(gic) => _ = gic.unmask(interrupt),
        }
    }

    /// Sleeps until a device interrupts. One that did so since it was last asked ends the sleep at once.
    pub(crate) fn sleep(&self) {
        wait_for_interrupt();
    }
}

/// The registers that a node names, if there are as many as a `T` has.
fn registers<T>(node: &Node<'_>, index: usize) -> Option<NonNull<T>> {
    let (address, size) = node.registers(index)?;
    let fits = address.is_multiple_of(align_of::<T>() as u64) && size >= size_of::<T>() as u64;
    NonNull::new(ptr::with_exposed_provenance_mut(address as usize)).filter(|_| fits)
}
