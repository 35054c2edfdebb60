//! Build, boot, test and measure nanoqga.
fn main() {}
