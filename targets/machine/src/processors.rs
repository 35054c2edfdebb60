//! The machine's processors.

/// The processors that can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processors {
    /// How many there are, at least 1.
    pub count: usize,
    /// Which of them the machine was started on, counted from 0.
    pub boot: usize,
}

impl Processors {
    /// Those of a machine that does not tell: the one that runs.
    pub const ONE: Self = Self { count: 1, boot: 0 };
}
