//! `guest-get-vcpus`, `guest-set-vcpus`, `guest-get-cpustats` and `guest-get-load`.

use nanoqga::commands::cpu;
use nanoqga::{Cause, Failure};

use super::{add, element};
use crate::agent::Nanoqga;
use crate::callbacks::cpu::{CpuCallbacks, Load, Processor, ProcessorTimes};
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{outcome, outcome_with};

/// Adds the cpu family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_cpu(agent: *mut Nanoqga, callbacks: *const CpuCallbacks) -> Status {
    let is_there = |callbacks: &CpuCallbacks| {
        [
            callbacks.processor.is_some(),
            callbacks.set_processor.is_some(),
            callbacks.processor_times.is_some(),
            callbacks.load.is_some(),
        ]
    };
    // SAFETY: The caller's promise.
    unsafe {
        add(
            agent,
            Family::Cpu,
            callbacks,
            const { &[cpu::commands(), cpu::set_commands(), cpu::statistics_commands(), cpu::load_commands()] },
            is_there,
            |guest| &mut guest.cpu,
        )
    }
}

impl cpu::Processors for Guest {
    fn processor(&mut self, index: usize) -> Result<Option<cpu::Processor>, Failure> {
        // SAFETY: The kernel's callback, with its context.
        let processor = unsafe { element(self.cpu.processor, self.context, index) };
        Ok(processor.map(|Processor { logical_id, online, can_offline }| cpu::Processor {
            logical_id,
            online: online.is_set(),
            can_offline: Some(can_offline.is_set()),
        }))
    }
}

impl cpu::SetProcessors for Guest {
    fn set_processor(&mut self, logical_id: i64, online: bool, cause: &mut Cause) -> Result<(), Failure> {
        let set = self.cpu.set_processor.ok_or(NO_CALLBACK)?;
        // SAFETY: The kernel's callback, with its context; what it returns is NULL or a text.
        unsafe { outcome_with(set(self.context, logical_id, online.into()), cause) }
    }
}

impl cpu::ProcessorStatistics for Guest {
    fn processor_times(&mut self, index: usize) -> Result<Option<cpu::ProcessorTimes>, Failure> {
        // SAFETY: The kernel's callback, with its context.
        let times = unsafe { element(self.cpu.processor_times, self.context, index) };
        Ok(times.map(|ProcessorTimes { cpu, user, nice, system, idle }| cpu::ProcessorTimes {
            cpu,
            user,
            nice,
            system,
            idle,
            ..cpu::ProcessorTimes::default()
        }))
    }
}

impl cpu::LoadAverage for Guest {
    fn load(&mut self) -> Result<cpu::Load, Failure> {
        let mut load = Load::default();
        // SAFETY: The kernel's callback, with its context, which may write the load; what it returns is NULL or a text.
        unsafe { outcome(self.cpu.load.ok_or(NO_CALLBACK)?(self.context, &raw mut load)) }?;
        let hundredths = |load| f64::from(load) / 100.0;
        Ok(cpu::Load {
            load1m: hundredths(load.load1m),
            load5m: hundredths(load.load5m),
            load15m: hundredths(load.load15m),
        })
    }
}
