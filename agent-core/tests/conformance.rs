//! Conversations recorded from the reference agent.

mod common;
#[path = "../../tests/src/conformance.rs"]
mod conformance;

use common::{COMMANDS, Guest, agent, ask, talk_in};

#[test]
fn every_recorded_exchange_is_answered_as_the_reference_agent_does() {
    let info: serde_json::Value = serde_json::from_str(&ask(br#"{"execute":"guest-info"}"#)).unwrap();
    let commands = info["return"]["supported_commands"].as_array().unwrap();
    let commands: Vec<_> = commands.iter().map(|command| command["name"].as_str().unwrap().to_owned()).collect();
    let mut compared = 0;
    for vector in conformance::vectors() {
        if !vector.applies_to(&commands) {
            continue;
        }
        // Whole, and byte by byte.
        for piece in [usize::MAX, 1] {
            let mut agent = agent(&COMMANDS);
            let reply = talk_in(&mut agent, &mut Guest::default(), &vector.request, piece, 4096);
            vector.check(&reply).unwrap_or_else(|difference| panic!("{}: {difference}", vector.name));
        }
        compared += 1;
    }
    assert_eq!(compared, conformance::vectors().len(), "an exchange is of a command that does not exist");
}
