//! Kernel modules, for kernels that have not built in what reaches the host.

use alloc::format;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::system::finit_module;

use crate::system::errno::text;
use crate::system::files;

/// Loads all modules in a directory, in the order of their names.
pub(super) fn load_all(directory: &str) {
    let names = match files::names(directory) {
        Ok(names) => names,
        Err(error) => return warning!("no modules are loaded, because {directory} cannot be read: {}", text(error)),
    };
    for name in names {
        let path = format!("{directory}/{name}");
        let loaded = open(&*path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .and_then(|module| finit_module(&module, c"", 0));
        match loaded {
            Ok(()) => debug!("{path} is loaded"),
            // It is there already.
            Err(Errno::EXIST) => {}
            Err(error) => warning!("{path} cannot be loaded: {}", text(error)),
        }
    }
}
