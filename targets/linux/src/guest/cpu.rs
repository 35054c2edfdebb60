//! `cpu`: the processors and their load.

use nanoqga::commands::cpu::{
    Load, LoadAverage, Processor, ProcessorStatistics, ProcessorTimes, Processors, SetProcessors,
};
use nanoqga::{Cause, Failure};

use super::Guest;
use crate::log::audit;
use crate::system::processors;

impl Processors for Guest {
    fn processor(&mut self, index: usize) -> Result<Option<Processor>, Failure> {
        self.lists.processors.element(index, || self.processors.all()).map(|processor| processor.copied())
    }
}

impl SetProcessors for Guest {
    fn set_processor(&mut self, logical_id: i64, online: bool, cause: &mut Cause) -> Result<(), Failure> {
        audit("guest-set-vcpus", &format_args!("{logical_id} online: {online}"));
        processors::set_online(logical_id, online, cause)
    }
}

impl ProcessorStatistics for Guest {
    fn processor_times(&mut self, index: usize) -> Result<Option<ProcessorTimes>, Failure> {
        self.lists.processor_times.element(index, processors::all_times).map(|times| times.copied())
    }
}

impl LoadAverage for Guest {
    fn load(&mut self) -> Result<Load, Failure> {
        processors::current_load()
    }
}
