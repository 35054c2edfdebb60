//! The test kit's suites: with guests that lie, which a program plays that stands in for QEMU, and with real ones.

mod appliance;
mod inspection;
mod lies;
mod new_kernel;
mod outcomes;
mod page;
mod run;
