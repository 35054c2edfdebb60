//! A guest that answers from a script.

use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nanoqga::commands::testing::Running;
use nanoqga::commands::{disk, exec, memory};
use nanoqga::{Cause, Failure};
use serde::Serialize;

/// The shapes that serde has for an enumeration.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Shape {
    Unit,
    Newtype(f32),
    Tuple(i8, u16),
    Struct { left: Option<i16>, right: i32 },
}

/// What a guest answers, whatever it is asked.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each stands for all answers of its type")]
pub struct Script {
    pub text: &'static str,
    pub character: char,
    pub flag: bool,
    pub signed: i64,
    pub unsigned: u64,
    pub float: f64,
    pub length: usize,
    /// How long each list is.
    pub count: usize,
    /// How long each list inside an element is.
    pub inner: usize,
    /// Whether optional members are there.
    pub optional: bool,
    pub failure: Option<Failure>,
    pub address: IpAddr,
    pub v4: Ipv4Addr,
    pub v6: Ipv6Addr,
    pub bus_type: disk::BusType,
    pub memory_block_error: Option<memory::MemoryBlockError>,
    pub status: Option<exec::Status>,
    pub shape: Shape,
}

/// Where a guest's answers come from.
pub trait Source: 'static {
    /// The answers that the next call is given.
    fn script(&self) -> &'static Script;

    /// Is told of a test that runs next.
    fn keep(&self, _: Running) {}
}

/// A guest that answers from its script.
#[derive(Debug)]
pub struct Guest<S>(pub S);

impl<S: Source> Guest<S> {
    pub(crate) fn script(&self) -> &'static Script {
        self.0.script()
    }

    pub(crate) fn outcome<T>(&self, value: T) -> Result<T, Failure> {
        self.script().failure.map_or(Ok(value), Err)
    }

    /// The same, with a cause for a failure.
    pub(crate) fn outcome_with<T>(&self, value: T, cause: &mut Cause) -> Result<T, Failure> {
        let script = self.script();
        self.outcome(value).inspect_err(|failure| {
            // It never fails.
            let _ = write!(cause, "{}: {failure} {}", script.text, script.signed);
        })
    }

    pub(crate) fn element<T>(&self, index: usize, element: T) -> Result<Option<T>, Failure> {
        self.outcome((index < self.script().count).then_some(element))
    }

    pub(crate) fn inner<T>(&self, index: usize, element: T) -> Option<T> {
        (index < self.script().inner).then_some(element)
    }

    pub(crate) fn option<T>(&self, value: T) -> Option<T> {
        self.script().optional.then_some(value)
    }
}
