//! The appliance's own tests, which its host runs through its agent, in the profile `appliance-tests` alone.

mod guest;
mod kernel;
pub mod last_words;
mod suites;

use nanoqga::commands::testing;

use crate::serve::Table;

/// The commands by which hosts run them.
pub const COMMANDS: Table = match (testing::commands(), testing::misbehave_commands()) {
    ([info, list, run], [misbehave]) => &[*info, *list, *run, *misbehave],
    _ => panic!("the family has other commands"),
};
