//! The packages whose own tests are to notice every mutant.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::{Context, Result};

use super::copy;

/// A package, and where its code is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Package {
    pub name: &'static str,
    pub folder: &'static str,
}

pub(super) const PACKAGES: [Package; 6] = [
    Package { name: "nanoqga", folder: "agent-core" },
    Package { name: "virtio-serial", folder: "targets/virtio-serial" },
    Package { name: "storage", folder: "targets/storage" },
    Package { name: "network", folder: "targets/network" },
    Package { name: "machine", folder: "targets/machine" },
    Package { name: "nanoqga-testkit", folder: "tests/kit" },
];

impl Package {
    /// A number that is another one when a file of the package, or what is left out, has changed.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn digest(&self) -> Result<u64> {
        let mut digest = DefaultHasher::new();
        for file in copy::listed(&[self.folder, ".cargo/mutants.toml"])? {
            let path = copy::folder().join(&file);
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            (file, bytes).hash(&mut digest);
        }
        Ok(digest.finish())
    }
}
