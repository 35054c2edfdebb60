//! The library for kernels written in C, and its header.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::bill::Bill;
use crate::capi;

/// Writes the libraries of an architecture to a folder, with their bills and the header. There are none for some architectures of Linux.
///
/// # Errors
/// When one cannot be built.
pub(super) fn write(architecture: &str, date: &str, folder: &Path) -> Result<()> {
    for (name, target) in capi::bare_targets().filter(|(name, _)| name.starts_with(architecture)) {
        let library = folder.join(format!("libnanoqga-{name}.a"));
        fs::copy(capi::library(target)?, &library)?;
        fs::copy(capi::header_path(), folder.join("nanoqga.h"))?;
        let mut bill = Bill::default();
        bill.package(capi::PACKAGE, "", target)?;
        bill.write(&library, date)?;
    }
    Ok(())
}
