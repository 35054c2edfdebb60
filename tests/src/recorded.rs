//! The recorded conversations, held with an agent over a connection.

use anyhow::{Result, ensure};
use nanoqga_testkit::client::Client;
use serde_json::json;

use crate::booted::{resynchronise, soon};
use crate::conformance::vectors;

/// Holds all conversations that are about commands that an agent has.
///
/// # Errors
/// How its replies differ from the recorded ones.
pub fn hold_all(agent: &mut Client) -> Result<()> {
    let commands = commands(agent)?;
    let mut differences = Vec::new();
    let mut held = 0;
    for (id, vector) in (1..).zip(vectors().iter().filter(|vector| vector.applies_to(&commands))) {
        agent.send(&vector.request, soon())?;
        // The lines before the answer to this are the vector's reply, and the next vector finds nothing half read.
        let reply: Vec<u8> =
            resynchronise(agent, id)?.into_iter().flat_map(|line| [line, b"\n".to_vec()].concat()).collect();
        differences.extend(vector.check(&reply).err());
        held += 1;
    }
    ensure!(held > 50, "only {held} vectors are for {commands:?}");
    ensure!(differences.is_empty(), "{} of {held} differ:\n{}", differences.len(), differences.join("\n"));
    Ok(())
}

/// The names of the commands that an agent has.
///
/// # Errors
/// When it does not tell them.
pub fn commands(agent: &mut Client) -> Result<Vec<String>> {
    let info = agent.execute("guest-info", json!({}), soon())?;
    let entries = info["supported_commands"].as_array().into_iter().flatten();
    Ok(entries.filter_map(|entry| entry["name"].as_str().map(String::from)).collect())
}
