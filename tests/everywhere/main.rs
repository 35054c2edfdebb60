//! The agent for Linux where people run it: on other architectures, from its packages, under the inits of distributions.

mod architectures;
mod disk;
mod distributions;
mod large;
mod lxc;
mod packages;
mod recipes;
mod whole_guest;
