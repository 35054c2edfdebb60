//! The library for kernels written in C: its header, its kernel on machines and as a program, and whoever uses it wrongly.

mod built;
mod everything;
mod header;
mod kernel;
mod program;
