//! The recorded conversations, held with the agent inside the booted image.

use anyhow::Result;
use tests::Booted;
use tests::recorded::hold_all;

use crate::rows::Row;

/// Holds all conversations that are about commands that the image has.
pub fn as_recorded(row: Row) -> Result<()> {
    holds(&mut row.boot()?)
}

/// The same with a guest that runs.
pub fn holds(Booted { agent, .. }: &mut Booted) -> Result<()> {
    hold_all(agent)
}
