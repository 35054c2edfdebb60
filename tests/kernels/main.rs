//! The engine in kernels that others wrote, each a workspace of its own under `targets/kernels`, and a kernel on `machine` alone.

mod kernel;
mod machine_only;
mod rows;

use kernel::Kernel;

rows::tests_of! {
    cortex_m_polled: Kernel { name: "cortex-m-polled", ..CORTEX_M };
    cortex_m_awaited: Kernel { name: "cortex-m-awaited", ..CORTEX_M };
}

const CORTEX_M: Kernel = Kernel {
    name: "",
    qemu: "qemu-system-arm",
    arguments: "-M lm3s6965evb -semihosting -serial chardev:console -serial chardev:agent0 -kernel IMAGE",
    serial: true,
    os: "firmware",
    own: ("cortex-m-get-temperature", "3"),
    longest: 1024,
    status: 0,
    reboots: true,
};
