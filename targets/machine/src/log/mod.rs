//! The log: a ring of the newest records. A record becomes text only when a console prints it or a host reads it.
//!
//! Nothing here uses `core::fmt`: that would be kilobytes of code in a small image, and code that can panic.

mod line;
mod printer;
mod record;
mod ring;
#[cfg(test)]
mod tests;

pub use self::line::{LINE, Line};
pub use self::printer::Printer;
pub use self::record::{COPIED, Copied, Template, VALUES, Value};
pub use self::ring::{RECORDS, Ring};
