//! Answers about the appliance's processors and memory.

use machine::memory_blocks::MemoryBlocks;
use nanoqga::commands::cpu::{
    Load, LoadAverage, Processor, ProcessorStatistics, ProcessorTimes, Processors, SetProcessors,
};
use nanoqga::commands::memory::{self, MemoryBlock, MemoryBlockError, SetMemoryBlocks};
use nanoqga::{Cause, Failure};

use crate::guest::Guest;
use crate::load::Account;
use crate::state::Appliance;

const NS_PER_MS: u64 = 1_000_000;
const NO_CLOCK: Failure = Failure("this machine has no clock to count the processor's time with");
const NO_MEMORY_MAP: Failure = Failure("this machine's loader gave no memory map");

impl Guest<Appliance> {
    /// The account of time, up to now.
    fn account(&mut self) -> Result<&Account, Failure> {
        self.spend(true).ok_or(NO_CLOCK)?;
        Ok(&self.state.account)
    }

    fn memory_blocks(&self) -> Result<&MemoryBlocks, Failure> {
        self.state.hardware.memory.as_ref().ok_or(NO_MEMORY_MAP)
    }
}

impl Processors for Guest<Appliance> {
    fn processor(&mut self, index: usize) -> Result<Option<Processor>, Failure> {
        let processors = self.state.hardware.processors;
        Ok((index < processors.count).then_some(Processor {
            logical_id: index as i64,
            online: index == processors.boot,
            can_offline: Some(false),
        }))
    }
}

impl SetProcessors for Guest<Appliance> {
    fn set_processor(&mut self, logical_id: i64, online: bool, _: &mut Cause) -> Result<(), Failure> {
        let index = usize::try_from(logical_id).ok();
        match index.and_then(|index| self.processor(index).transpose()).transpose()? {
            None => Err(Failure("there is no processor of this number")),
            Some(processor) if processor.online == online => Ok(()),
            Some(_) => Err(Failure("this guest runs on the processor that it was started on, and on no other")),
        }
    }
}

impl ProcessorStatistics for Guest<Appliance> {
    /// Only of the processor that runs. All of this guest's work counts as the system's.
    fn processor_times(&mut self, index: usize) -> Result<Option<ProcessorTimes>, Failure> {
        let (awake, asleep) = self.account()?.times();
        let cpu = self.state.hardware.processors.boot as u32;
        let times =
            ProcessorTimes { cpu, system: awake / NS_PER_MS, idle: asleep / NS_PER_MS, ..ProcessorTimes::default() };
        Ok((index == 0).then_some(times))
    }
}

impl LoadAverage for Guest<Appliance> {
    fn load(&mut self) -> Result<Load, Failure> {
        let [load1m, load5m, load15m] = self.account()?.loads();
        Ok(Load { load1m, load5m, load15m })
    }
}

impl memory::MemoryBlocks for Guest<Appliance> {
    fn memory_block(&mut self, index: usize) -> Result<Option<MemoryBlock>, Failure> {
        let block = self.memory_blocks()?.nth(index);
        Ok(block.map(|phys_index| MemoryBlock { phys_index, online: true, can_offline: Some(false) }))
    }

    fn memory_block_size(&mut self) -> Result<u64, Failure> {
        Ok(self.memory_blocks()?.size())
    }
}

impl SetMemoryBlocks for Guest<Appliance> {
    fn set_memory_block(&mut self, phys_index: u64, online: bool) -> Result<(), MemoryBlockError> {
        match self.memory_blocks() {
            Ok(blocks) if !blocks.has(phys_index) => Err(MemoryBlockError::NotFound(None)),
            Ok(_) if online => Ok(()),
            Ok(_) | Err(_) => Err(MemoryBlockError::NotSupported(None)),
        }
    }
}
