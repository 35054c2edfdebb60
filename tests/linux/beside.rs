//! Our agent beside the one that it replaces: the same requests, the same files and programs, in the same run. What that one is
//! too old for is held against the kernel's own words. Nothing here changes the machine that it runs on.

mod facts;
mod failures;
mod files;
mod large;
mod newer;
mod pair;
mod programs;

pub use pair::{Pair, finished, sorted};
