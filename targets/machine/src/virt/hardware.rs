//! What the machine is made of, beyond what every profile drives.

use heapless::Vec;

use super::power_button::PowerButton;
use crate::arch::is_this_cpu;
use crate::device_tree::Tree;
use crate::memory::Ram;
use crate::memory_blocks::MemoryBlocks;
use crate::processors::Processors;

/// The machine's parts.
#[derive(Debug)]
pub struct Hardware {
    /// The processors, of which only the one that the machine was started on runs.
    pub processors: Processors,
    /// The RAM. `None` if the tree names none.
    pub memory: Option<MemoryBlocks>,
    power_button: Option<PowerButton>,
}

impl Hardware {
    /// Finds the parts, arms the power button, and lets it wake the guest by `unmask`.
    pub(super) fn find(tree: &Tree<'_>, ram: Vec<Ram, 16>, unmask: impl Fn(u32)) -> Self {
        Self {
            processors: processors(tree),
            memory: MemoryBlocks::new(ram),
            power_button: PowerButton::find(tree, unmask),
        }
    }

    /// Whether the power button was pressed since this was last asked.
    pub fn take_power_button(&self) -> bool {
        self.power_button.as_ref().is_some_and(PowerButton::take_press)
    }
}

fn processors(tree: &Tree<'_>) -> Processors {
    let all = || tree.nodes().filter(|node| node.string("device_type") == Some(b"cpu"));
    let this = all().position(|node| node.registers(0).is_some_and(|(id, _)| is_this_cpu(id)));
    this.map_or(Processors::ONE, |boot| Processors { count: all().count(), boot })
}
