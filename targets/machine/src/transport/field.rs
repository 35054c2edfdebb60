//! Fields of a device's own configuration.

use virtio_drivers::{Error, Result};

use crate::memory::Window;

/// A pointer to the field at `offset`.
///
/// # Errors
/// If the field does not lie in the configuration, or is not aligned.
pub(super) fn field<T>(configuration: Window, offset: usize) -> Result<*mut T> {
    let field = configuration.at::<T>(offset);
    match offset.checked_add(size_of::<T>()) {
        Some(end) if end <= configuration.length as usize && field.is_aligned() => Ok(field),
        _ => Err(Error::ConfigSpaceTooSmall),
    }
}
