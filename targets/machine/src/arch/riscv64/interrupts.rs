//! The interrupt controller, for one purpose: that an idle guest sleeps until a device has something for it.

use super::aplic::Aplic;
use super::cpu::wake_by_devices;
use super::harts::hart_controller;
use super::plic::Plic;
use crate::device_tree::{Tree, cells};

/// The controller, as this hart's supervisor mode has it.
#[derive(Debug)]
pub(crate) struct Interrupts(Controller);

#[derive(Debug)]
enum Controller {
    Plic(Plic),
    Aplic(Aplic),
}

impl Interrupts {
    /// The controller, with every device's interrupt off.
    pub(crate) fn find(tree: &Tree<'_>) -> Option<Self> {
        let hart = hart_controller(tree)?;
        let plic = Plic::find(tree, hart).map(Controller::Plic);
        let controller = plic.or_else(|| Aplic::find(tree, hart).map(Controller::Aplic))?;
        wake_by_devices();
        Some(Self(controller))
    }

    /// The number of the interrupt that these cells describe.
    pub(crate) fn number(specifier: &[u8]) -> Option<u32> {
        cells(specifier).next()
    }

    /// Lets an interrupt wake the guest.
    pub(crate) fn unmask(&self, number: u32) {
        match &self.0 {
            Controller::Plic(plic) => plic.unmask(number),
            Controller::Aplic(aplic) => aplic.unmask(number),
        }
    }

    /// Sleeps until a device interrupts. One that did so since it was last asked ends the sleep at once.
    pub(crate) fn sleep(&self) {
        match &self.0 {
            Controller::Plic(plic) => plic.sleep(),
            Controller::Aplic(aplic) => aplic.sleep(),
        }
    }
}
