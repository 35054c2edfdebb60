//! Faults on purpose, where no guest is needed for them.

mod errors;
mod power;
mod workload;
