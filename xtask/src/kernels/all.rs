//! All of them.

use super::Kernel;
use crate::apt::Needed;

const ARM: &[Needed] = &[Needed { program: "qemu-system-arm", package: "qemu-system-arm" }];

/// In the order in which they are built.
pub(crate) static KERNELS: [Kernel; 3] = [
    Kernel {
        name: "own-appliance",
        folder: "own-appliance",
        build: &["--release", "--target", "x86_64-unknown-none"],
        program: "x86_64-unknown-none/release/own-appliance",
        finish: None,
        needs: &[],
        long: false,
    },
    Kernel {
        name: "cortex-m-polled",
        folder: "cortex-m",
        build: &["--release", "--bin", "polled"],
        program: "thumbv7m-none-eabi/release/polled",
        finish: None,
        needs: ARM,
        long: false,
    },
    Kernel {
        name: "cortex-m-awaited",
        folder: "cortex-m",
        build: &["--release", "--bin", "awaited"],
        program: "thumbv7m-none-eabi/release/awaited",
        finish: None,
        needs: ARM,
        long: false,
    },
];
