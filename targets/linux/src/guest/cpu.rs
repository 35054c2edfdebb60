//! `cpu`: the processors and their load.

use nanoqga::Failure;
use nanoqga::commands::cpu::{Cpus, Load, Processor, ProcessorTimes};

use super::Guest;
use crate::system::processors;

impl Cpus for Guest {
    fn processor(&mut self, index: usize) -> Result<Option<Processor>, Failure> {
        self.lists.processors.element(index, processors::all).map(|processor| processor.copied())
    }

    fn set_processor(&mut self, logical_id: i64, online: bool) -> Result<(), Failure> {
        processors::set_online(logical_id, online)
    }

    fn processor_times(&mut self, index: usize) -> Result<Option<ProcessorTimes>, Failure> {
        self.lists.processor_times.element(index, processors::all_times).map(|times| times.copied())
    }

    fn load(&mut self) -> Result<Load, Failure> {
        processors::current_load()
    }
}
