//! What programs of other architectures are linked with, and run by.

use std::path::PathBuf;

use anyhow::Result;

use crate::packages::{alone, unpacked};

/// Where musl is, and is new enough for Rust's libc, for every architecture.
const MUSL: [&[&str]; 2] = [&["trixie"], &["sid"]];

/// The folder with musl, a C library, for one of Debian's architectures, and its own name of that.
///
/// # Errors
/// When it is not there and cannot be downloaded.
pub fn musl(architecture: &str, name: &str) -> Result<PathBuf> {
    let root = alone(architecture, &format!("musl-{architecture}"), &MUSL, "musl-dev")?;
    Ok(root.path("usr/lib").join(name))
}

/// The folder with QEMU's programs that run those of other architectures. They are static.
///
/// # Errors
/// When they are not there and cannot be downloaded.
pub fn emulators() -> Result<PathBuf> {
    Ok(unpacked("qemu-user-static", || Ok("qemu-user-static".into()))?.join("usr/bin"))
}
