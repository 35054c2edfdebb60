//! Faults on purpose, where no guest is needed for them.

mod power;
