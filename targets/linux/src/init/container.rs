//! Whether the first process is a container's: then whoever made the container has made it fit for programs.

use rustix::fs::stat;

/// The number of the machine's own namespace of processes (`PROC_PID_INIT_INO` of `linux/proc_ns.h`).
const MACHINE: u64 = 0xEFFF_FFFC;

/// Whether this is a container, by the namespace of its processes. A machine has no /proc yet when its first process begins.
pub(super) fn is_here() -> bool {
    stat(c"/proc/self/ns/pid").is_ok_and(|found| found.st_ino != MACHINE)
}
