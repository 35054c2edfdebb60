//! The appliance's own tests, which its host runs through its agent: in the profile `appliance-tests`, and beside the tests that an
//! appliance of one's own registers.

mod guest;
mod kernel;
pub mod last_words;
mod suites;

use nanoqga::commands::testing;

use crate::serve::{self, TABLES, Table};

/// The commands by which hosts run them.
const COMMANDS: Table = match (testing::commands(), testing::misbehave_commands()) {
    ([info, list, run], [misbehave]) => &[*info, *list, *run, *misbehave],
    _ => panic!("the family has other commands"),
};

/// Every command that the appliance answers, those by which hosts run tests, and the commands of an appliance of one's own.
#[must_use]
pub const fn tables_with(own: Table) -> [Table; TABLES.len() + 2] {
    let most = serve::tables_with(own);
    let mut all = [COMMANDS; TABLES.len() + 2];
    let mut place = 0;
    while place < most.len() {
        all[place] = most[place];
        place += 1;
    }
    all
}
