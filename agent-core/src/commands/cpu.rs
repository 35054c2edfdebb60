//! `guest-get-vcpus`, `guest-set-vcpus`, `guest-get-cpustats` and `guest-get-load`.

use serde::Serialize;

use crate::arguments::{List, Parameter, Value};
use crate::cause::Cause;
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Kind, Reply, Step};

/// A processor: QEMU's `GuestLogicalProcessor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Processor {
    /// Its number.
    pub logical_id: i64,
    /// Whether it runs.
    pub online: bool,
    /// Whether it can be taken offline. libvirt needs it told.
    pub can_offline: Option<bool>,
}

impl<'m> Parameter<'m> for Processor {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        let mut members = value.object()?;
        let processor = Self {
            logical_id: members.required("logical-id")?,
            online: members.required("online")?,
            can_offline: members.optional("can-offline")?,
        };
        members.finish()?;
        Ok(processor)
    }
}

/// What a processor has done since it started, in milliseconds: QEMU's `GuestLinuxCpuStats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "linux")]
pub struct ProcessorTimes {
    /// The processor's number.
    pub cpu: u32,
    /// In user mode.
    pub user: u64,
    /// In user mode with low priority.
    pub nice: u64,
    /// In system mode.
    pub system: u64,
    /// Idle.
    pub idle: u64,
    /// Waiting for devices.
    pub iowait: Option<u64>,
    /// In interrupts.
    pub irq: Option<u64>,
    /// In what interrupts put off.
    pub softirq: Option<u64>,
    /// Taken by the host.
    pub steal: Option<u64>,
    /// Running guests.
    pub guest: Option<u64>,
    /// Running guests with low priority.
    pub guestnice: Option<u64>,
}

/// How many processes wanted to run, on average: QEMU's `GuestLoadAverage`. Six decimals are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Over one minute.
    pub load1m: f64,
    /// Over five minutes.
    pub load5m: f64,
    /// Over fifteen minutes.
    pub load15m: f64,
}

/// What `guest-get-vcpus` needs of its guest.
pub trait Processors {
    /// The `index`-th processor, if there are as many.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn processor(&mut self, index: usize) -> Result<Option<Processor>, Failure>;
}

/// What `guest-set-vcpus` needs of its guest.
pub trait SetProcessors {
    /// Takes a processor online or offline. One that is so already is no error.
    ///
    /// # Errors
    /// If there is no such processor, or it cannot be done.
    fn set_processor(&mut self, logical_id: i64, online: bool, cause: &mut Cause) -> Result<(), Failure>;
}

/// What `guest-get-cpustats` needs of its guest.
pub trait ProcessorStatistics {
    /// What the `index`-th processor has done, if there are as many.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn processor_times(&mut self, index: usize) -> Result<Option<ProcessorTimes>, Failure>;
}

/// What `guest-get-load` needs of its guest.
pub trait LoadAverage {
    /// The guest's load.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn load(&mut self) -> Result<Load, Failure>;
}

/// `guest-get-vcpus`.
#[must_use]
pub const fn commands<G: Processors>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-vcpus", processors).packed()] }
}

/// `guest-set-vcpus`.
#[must_use]
pub const fn set_commands<G: SetProcessors>() -> &'static [Command<G>] {
    const { &[Command::new("guest-set-vcpus", set_processors)] }
}

/// `guest-get-cpustats`.
#[must_use]
pub const fn statistics_commands<G: ProcessorStatistics>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-cpustats", times).packed()] }
}

/// `guest-get-load`.
#[must_use]
pub const fn load_commands<G: LoadAverage>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-load", load)] }
}

/// Tells the guest's processors.
///
/// Returns a list: of each its number `logical-id`, whether it is `online`, and whether it `can-offline`.
fn processors<G: Processors>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = request.step();
    if step == 0 {
        request.arguments().finish()?;
    }
    reply.element(guest.processor(step))
}

/// Takes processors online or offline.
///
/// - `vcpus`: a list of objects with `logical-id`, an integer, and `online`, a boolean
///
/// Returns how many were set before the first that could not be. It fails if that was the first of all.
fn set_processors<G: SetProcessors>(
    guest: &mut G,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let processors: List<'_, Processor> = arguments.required("vcpus")?;
    arguments.finish()?;
    let mut set = 0usize;
    for processor in processors.iter() {
        match guest.set_processor(processor.logical_id, processor.online, reply.cause()) {
            Ok(()) => set += 1,
            Err(failure) if set == 0 => return Err(failure.into()),
            Err(_) => break,
        }
    }
    Ok(reply.whole(&set)?)
}

/// Tells what the processors have done.
///
/// Returns a list: of each its `type`, which is `linux`, its number `cpu`, and milliseconds: `user`, `nice`, `system`, `idle`, and
/// where they are known `iowait`, `irq`, `softirq`, `steal`, `guest` and `guestnice`.
fn times<G: ProcessorStatistics>(
    guest: &mut G,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Step, Error> {
    let step = request.step();
    if step == 0 {
        request.arguments().finish()?;
    }
    reply.element(guest.processor_times(step))
}

/// Tells how many tasks wanted to run, on average.
///
/// Returns `load1m`, `load5m` and `load15m`.
fn load<G: LoadAverage>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    let load = guest.load()?;
    reply.open(Kind::Object)?;
    for (name, value) in [("load1m", load.load1m), ("load5m", load.load5m), ("load15m", load.load15m)] {
        reply.decimal(name, value)?;
    }
    Ok(Step::Done)
}
