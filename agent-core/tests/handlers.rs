//! What a handler of a guest's own is told, and what the agent makes of its steps.

use crate::common::{agent_of, hear, readable, returns};
use nanoqga::commands::sync;
use nanoqga::{Agent, Command, CommandSet, Error, Failure, Reply, Request, Step};

/// How often a handler was called.
type Calls = usize;

/// An element a step, 50 of them.
fn list(calls: &mut Calls, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    *calls += 1;
    assert_eq!(format!("{request:?}"), format!("Request {{ step: {}, .. }}", request.step()));
    reply.element(Ok((request.step() < 50).then_some(request.step())))
}

/// Fails after two elements, in the same piece of the reply.
fn fail_late(_: &mut Calls, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    match request.step() {
        step @ (0 | 1) => reply.element(Ok(Some(step))),
        _ => Err(Failure("the rest cannot be had").into()),
    }
}

/// The third element is larger than any piece.
fn gap(_: &mut Calls, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let length = if request.step() == 2 { 500 } else { 1 };
    reply.element(Ok((request.step() < 4).then(|| request.step().to_string().repeat(length))))
}

/// Writes a value, and says that another one was checked.
fn both(_: &mut Calls, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.json_and_spare().1[..1].copy_from_slice(b"1");
    request.check_json(1)?;
    reply.value(&2)?;
    Ok(Step::Checked)
}

/// Fills the room that it is told of to the last byte, and then asks for one byte more.
fn fill(_: &mut Calls, _: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let room = reply.room();
    // Two quotes, and a character that takes two bytes.
    let inside = |length: usize| "x".repeat(length - 2) + "\n";
    assert_eq!(reply.value(&inside(room - 1)).map_err(|full| full.to_string()), Err("it does not fit there".into()));
    reply.value(&inside(room - 2))?;
    assert_eq!(reply.room(), 0);
    Ok(Step::Done)
}

const LIST: Command<Calls> = Command::new("example-list", list);
const OWN: &[Command<Calls>] = &[
    LIST,
    Command::new("example-packed", list).packed().packed(),
    Command::new("example-packed-act", list).to_the_end().packed().to_the_end(),
    Command::new("example-fail-late", fail_late).packed(),
    Command::new("example-gap", gap),
    Command::new("example-packed-gap", gap).packed(),
    Command::new("example-both", both),
    Command::new("example-fill", fill),
];
static COMMANDS: CommandSet<Calls> = CommandSet::new(&[sync::commands(), OWN]);

fn ask(agent: &mut Agent<'_, Calls>, calls: &mut Calls, command: &str) -> String {
    hear(agent, format!(r#"{{"execute":"{command}"}}"#).as_bytes());
    let (mut room, mut reply) = ([0; 64], Vec::new());
    loop {
        match agent.transmit(calls, &mut room) {
            0 => return readable(&reply),
            filled => reply.extend_from_slice(&room[..filled]),
        }
    }
}

fn call(command: &str) -> String {
    ask(&mut agent_of::<4096, 256, _>(&COMMANDS), &mut 0, command)
}

#[test]
fn an_agent_answers_the_commands_that_it_was_given_last() {
    static NONE: CommandSet<Calls> = CommandSet::new(&[sync::commands()]);
    let mut agent = agent_of::<4096, 256, _>(&NONE);
    assert!(ask(&mut agent, &mut 0, LIST.name()).contains("The command example-list has not been found"));
    agent.set_commands(&COMMANDS);
    assert!(ask(&mut agent, &mut 0, LIST.name()).starts_with(r#"{"return": [0,1,2,"#));
}

#[test]
fn a_command_is_packed_only_if_it_says_so_and_as_often_as_it_says_so() {
    for (command, packed) in [("example-list", false), ("example-packed", true), ("example-packed-act", true)] {
        let (mut agent, mut calls) = (agent_of::<4096, 256, _>(&COMMANDS), 0);
        hear(&mut agent, format!(r#"{{"execute":"{command}"}}"#).as_bytes());
        assert_eq!(agent.transmit(&mut calls, &mut [0; 1]), 1);
        if packed { assert_eq!(calls, 51, "{command}") } else { assert_eq!(calls, 1, "{command}") }
    }
}

#[test]
fn what_fails_behind_the_first_step_of_a_piece_ends_the_reply() {
    assert_eq!(call("example-fail-late"), returns("[0,1]"));
}

#[test]
fn an_element_that_fits_no_piece_is_left_out_wherever_it_stands() {
    for command in ["example-gap", "example-packed-gap"] {
        assert_eq!(call(command), returns(r#"["0","1","3"]"#), "{command}");
    }
}

#[test]
fn what_a_handler_has_written_goes_out_and_not_what_it_had_checked() {
    assert_eq!(call("example-both"), returns("2"));
}

#[test]
fn a_handler_can_fill_the_room_that_it_is_told_of() {
    let reply = call("example-fill");
    assert_eq!(reply.trim_start_matches("{\"return\": \"").trim_end_matches("\\n\"}\n").replace('x', ""), "");
    assert!(reply.len() > 200, "{reply}");
}

#[test]
fn an_error_without_its_request_has_the_same_text() {
    let failure = Failure("the disk is full");
    assert_eq!(failure.to_string(), "the disk is full");
    assert_eq!(Error::from(failure).to_string(), "the disk is full");
    assert_eq!(Error::Number("handle '", 0, "' is closed").to_string(), "handle '0' is closed");
    assert_eq!(Error::Number("handle '", -10, "' is closed").to_string(), "handle '-10' is closed");
}
