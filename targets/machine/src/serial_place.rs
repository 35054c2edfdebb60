//! The places of serial ports.

/// A place that may have a 16550 UART.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialPlace {
    /// A PC's first one, or the one of its own that a board `virt` may have.
    Com1,
    /// A PC's second one, or the first one on PCI of a board `virt`.
    Com2,
    /// A PC's third one.
    Com3,
    /// A PC's fourth one.
    Com4,
}
