//! Commands of a guest's own: every type of parameter, causes, steps that share a piece, and steps that go on to their end.

use std::fmt::Write as _;

use crate::common::{agent_of, error, hear, readable, returns};
use nanoqga::commands::sync;
use nanoqga::{
    Agent, Cause, Command, CommandSet, Error, Failure, Kind, List, Parameter, Reply, Request, Step, Text, Value,
};
use proptest::prelude::*;

#[derive(Default)]
struct Guest {
    seen: Vec<String>,
    steps: usize,
    /// How many bytes each step adds.
    width: usize,
}

/// An object with a list of lists of objects in it.
#[derive(Debug)]
struct Row<'m> {
    name: Text<'m>,
    cells: List<'m, List<'m, Cell>>,
}

#[derive(Debug)]
struct Cell(#[expect(dead_code, reason = "it is printed")] i8);

impl<'m> Parameter<'m> for Row<'m> {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        let mut members = value.object()?;
        let row = Self { name: members.required("name")?, cells: members.required("cells")? };
        members.finish()?;
        Ok(row)
    }
}

impl<'m> Parameter<'m> for Cell {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        let mut members = value.object()?;
        let cell = Self(members.required("value")?);
        members.finish()?;
        Ok(cell)
    }
}

fn grid(guest: &mut Guest, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let rows: List<'_, List<'_, i64>> = arguments.required("rows")?;
    arguments.finish()?;
    guest.seen = rows.iter().map(|row| format!("{:?}", row.iter().collect::<Vec<_>>())).collect();
    Ok(Step::Done)
}

fn table(guest: &mut Guest, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let rows: List<'_, Row<'_>> = arguments.required("rows")?;
    arguments.finish()?;
    for Row { name, cells } in rows.iter() {
        let cells: Vec<Vec<Cell>> = cells.iter().map(|row| row.iter().collect()).collect();
        guest.seen.push(format!("{name}: {cells:?}"));
    }
    Ok(Step::Done)
}

fn numbers(guest: &mut Guest, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    macro_rules! see {
        ($arguments:ident, $($name:literal: $type:ty),*) => {$(
            if let Some(value) = $arguments.optional::<$type>($name)? {
                guest.seen.push(format!("{value}"));
            }
        )*};
    }
    let mut arguments = request.arguments();
    see!(arguments, "i8": i8, "i16": i16, "i32": i32, "i64": i64, "u8": u8, "u16": u16, "u32": u32, "u64": u64, "bool": bool);
    arguments.finish()?;
    Ok(Step::Done)
}

#[cfg(feature = "float")]
fn scale(_: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let by: f64 = arguments.required("by")?;
    arguments.finish()?;
    Ok(reply.whole(&by)?)
}

fn fail(_: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let times: u64 = arguments.required("times")?;
    arguments.finish()?;
    for _ in 0..times {
        let _ = reply.cause().write_str("/mnt/\u{e9}");
    }
    Err(Failure("cannot freeze ").into())
}

/// A list of strings; it must not matter how many steps lie in a piece.
fn list(guest: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = request.step();
    reply.element(Ok((step < guest.steps).then(|| format!("{step}").repeat(guest.width))))
}

/// Acts on one thing a step.
fn act(guest: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = request.step();
    if step < guest.steps {
        guest.seen.push(step.to_string());
    }
    reply.element(Ok((step < guest.steps).then_some(step)))
}

/// What was opened is closed when a handler fails late.
fn break_off(_: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    match request.step() {
        0 => reply.open(Kind::Object)?,
        1 => reply.open_member("list", Kind::Array)?,
        2 => {
            reply.open(Kind::Text)?;
            assert_eq!(reply.text_part("caf\u{e9}", 0), 5);
        }
        _ => return Err(Failure("too late").into()),
    }
    Ok(Step::More)
}

const OWN: &[Command<Guest>] = &[
    Command::new("example-grid", grid),
    Command::new("example-table", table),
    Command::new("example-numbers", numbers),
    #[cfg(feature = "float")]
    Command::new("example-scale", scale),
    Command::new("example-fail", fail),
    Command::new("example-list", list),
    Command::new("example-packed", list).packed(),
    Command::new("example-act", act).to_the_end(),
    Command::new("example-break-off", break_off),
];
static COMMANDS: CommandSet<Guest> = CommandSet::new(&[sync::commands(), OWN]);

fn answer(agent: &mut Agent<'_, Guest>, guest: &mut Guest, room: usize) -> String {
    let (mut room, mut reply) = (vec![0; room], Vec::new());
    loop {
        match agent.transmit(guest, &mut room) {
            0 => return readable(&reply),
            filled => reply.extend_from_slice(&room[..filled]),
        }
    }
}

fn call(guest: &mut Guest, command: &str, arguments: &str) -> String {
    let mut agent = agent_of::<4096, 128, _>(&COMMANDS);
    hear(&mut agent, format!(r#"{{"execute":"{command}","arguments":{{{arguments}}}}}"#).as_bytes());
    answer(&mut agent, guest, 64)
}

#[test]
fn the_place_of_a_wrong_value_is_named_in_any_nesting() {
    for (command, arguments, text) in [
        ("grid", r#""rows":[[1,2],[3,"x"]]"#, "Invalid parameter type for 'rows[1][1]', expected: integer"),
        ("grid", r#""rows":[[1,2],{}]"#, "Invalid parameter type for 'rows[1]', expected: array"),
        ("grid", r#""rows":5"#, "Invalid parameter type for 'rows', expected: array"),
        ("grid", "", "Parameter 'rows' is missing"),
        ("grid", r#""x":1,"rows":[]"#, "Parameter 'x' is unexpected"),
        (
            "table",
            r#""rows":[{"name":"a","cells":[]},{"name":"b","cells":[[],[{"value":1},{"value":"x"}]]}]"#,
            "Invalid parameter type for 'rows[1].cells[1][1].value', expected: integer",
        ),
        (
            "table",
            r#""rows":[{"name":"a","cells":[[{"value":128}]]}]"#,
            "Parameter 'rows[0].cells[0][0].value' expects int8_t",
        ),
        ("table", r#""rows":[{"name":"a","cells":[[{}]]}]"#, "Parameter 'rows[0].cells[0][0].value' is missing"),
        (
            "table",
            r#""rows":[{"cells":[[{"value":1,"x\"":2}]],"name":"a"}]"#,
            r#"Parameter 'rows[0].cells[0][0].x\"' is unexpected"#,
        ),
        ("table", r#""rows":[{"name":1}]"#, "Invalid parameter type for 'rows[0].name', expected: string"),
    ] {
        let mut guest = Guest::default();
        assert_eq!(call(&mut guest, &format!("example-{command}"), arguments), error(text), "{arguments}");
        assert!(guest.seen.is_empty());
    }
}

#[test]
fn nested_lists_and_objects_reach_the_handler() {
    let mut guest = Guest::default();
    assert_eq!(call(&mut guest, "example-grid", r#""rows":[[1,2],[],[-3]]"#), returns("{}"));
    assert_eq!(guest.seen, ["[1, 2]", "[]", "[-3]"]);
    let mut guest = Guest::default();
    let rows = r#""rows":[{"name":"a\u0022","cells":[[{"value":1}],[]]}]"#;
    assert_eq!(call(&mut guest, "example-table", rows), returns("{}"));
    assert_eq!(guest.seen, ["a\": [[Cell(1)], []]"]);
}

#[test]
fn numbers_have_the_range_of_their_type() {
    for (name, type_name, fits, too_far) in [
        ("i8", "int8_t", &["-128", "127"][..], &["-129", "128"][..]),
        ("i16", "int16_t", &["-32768", "32767"], &["-32769", "32768"]),
        ("i32", "int32_t", &["-2147483648", "2147483647"], &["2147483648"]),
        ("u8", "uint8_t", &["0", "255"], &["-1", "256"]),
        ("u16", "uint16_t", &["0", "65535"], &["-1", "65536"]),
        ("u32", "uint32_t", &["0", "4294967295"], &["-1", "4294967296"]),
        ("u64", "uint64", &["0", "18446744073709551615"], &["18446744073709551616"]),
        ("i64", "", &["-9223372036854775808", "9223372036854775807"], &[]),
        ("bool", "", &["true", "false"], &[]),
    ] {
        for number in fits {
            let mut guest = Guest::default();
            assert_eq!(call(&mut guest, "example-numbers", &format!(r#""{name}":{number}"#)), returns("{}"));
            assert_eq!(guest.seen, [*number]);
        }
        for number in too_far {
            let reply = call(&mut Guest::default(), "example-numbers", &format!(r#""{name}":{number}"#));
            assert_eq!(reply, error(&format!("Parameter '{name}' expects {type_name}")), "{number}");
        }
    }
    let reply = call(&mut Guest::default(), "example-numbers", r#""bool":1"#);
    assert_eq!(reply, error("Invalid parameter type for 'bool', expected: boolean"));
}

#[cfg(feature = "float")]
mod float {
    use super::*;

    /// What comes back of a number that is read and written again.
    fn scaled(number: &str) -> String {
        call(&mut Guest::default(), "example-scale", &format!(r#""by":{number}"#))
    }

    #[test]
    fn numbers_of_any_size_are_read_and_written_as_they_are() {
        for (number, sent) in [
            ("9.5e12", "9500000000000.0"),
            ("1", "1.0"),
            ("-0.0", "-0.0"),
            ("0.1", "0.1"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("123456789012345678901234567890", "1.2345678901234568e+29"),
        ] {
            assert_eq!(scaled(number), returns(sent), "{number}");
        }
        assert_eq!(scaled("1e400"), error("Parameter 'by' expects a finite number"));
        assert_eq!(scaled("\"1\""), error("Invalid parameter type for 'by', expected: number"));
        assert_eq!(scaled("true"), error("Invalid parameter type for 'by', expected: number"));
    }

    proptest! {
        #[test]
        fn every_number_is_read_as_serde_json_reads_it_and_written_so_that_it_reads_the_same(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            for text in [format!("{number:e}"), format!("{number:?}"), format!("{number:.20e}")] {
                let reply: serde_json::Value = serde_json::from_str(&scaled(&text)).expect("it is JSON");
                let read: f64 = text.parse().expect("it is a number");
                prop_assert_eq!(reply["return"].as_f64().map(f64::to_bits), Some(read.to_bits()), "{}", text);
            }
        }
    }
}

#[test]
fn a_cause_stands_behind_its_failure_and_is_cut_at_a_character() {
    let mut agent = agent_of::<4096, 256, _>(&COMMANDS);
    let mut guest = Guest::default();
    for (times, length) in [(1, 1), (0, 0), (17, 17), (20, 17), (2, 2)] {
        hear(&mut agent, format!(r#"{{"execute":"example-fail","arguments":{{"times":{times}}}}}"#).as_bytes());
        // The last of 120 bytes would be half a character.
        let cause = "/mnt/\\u00E9".repeat(length) + if times == 20 { "/" } else { "" };
        assert_eq!(answer(&mut agent, &mut guest, 64), error(&format!("cannot freeze {cause}")));
    }
}

#[test]
fn nothing_is_added_to_a_cause_behind_a_cut() {
    let mut cause = Cause::new();
    for text in ["a".repeat(119).as_str(), "\u{e9}", "x"] {
        assert!(cause.write_str(text).is_ok());
    }
    assert_eq!(cause.as_str(), "a".repeat(119));
    cause.clear();
    assert!(cause.write_str("x").is_ok());
    assert_eq!(cause.as_str(), "x");
}

#[test]
fn a_handler_that_fails_late_leaves_a_whole_line() {
    let reply = call(&mut Guest::default(), "example-break-off", "");
    assert_eq!(reply, returns(r#"{"list":["caf\u00E9"]}"#));
}

#[test]
fn an_element_larger_than_a_piece_is_left_out_and_the_first_is_an_error() {
    for command in ["example-list", "example-packed"] {
        let mut guest = Guest { steps: 11, width: 70, ..Guest::default() };
        let expected: Vec<_> = (0..10).map(|step| step.to_string().repeat(70)).collect();
        let reply: serde_json::Value = serde_json::from_str(&call(&mut guest, command, "")).expect("it is valid JSON");
        assert_eq!(reply["return"], serde_json::json!(expected), "{command}");
        let mut guest = Guest { steps: 1, width: 140, ..Guest::default() };
        let text = "a part of the reply is larger than the agent's buffer";
        assert_eq!(call(&mut guest, command, ""), error(text), "{command}");
    }
}

#[test]
fn a_command_that_acts_goes_on_to_its_end_without_its_host() {
    for leave in [Agent::reset, Agent::abandon_reply] {
        let mut agent = agent_of::<4096, 128, _>(&COMMANDS);
        let mut guest = Guest { steps: 50, ..Guest::default() };
        hear(&mut agent, br#"{"execute":"example-act"}"#);
        assert_eq!(agent.transmit(&mut guest, &mut [0; 20]), 20);
        assert!((1..50).contains(&guest.seen.len()));
        leave(&mut agent);
        assert_eq!(agent.receive(b"{"), 0);
        assert_eq!(answer(&mut agent, &mut guest, 20), "");
        assert_eq!(guest.seen, (0..50).map(|step| step.to_string()).collect::<Vec<_>>());
        hear(&mut agent, br#"{"execute":"guest-sync","arguments":{"id":1}}"#);
        assert_eq!(answer(&mut agent, &mut guest, 20), returns("1"));
    }
    // One that only reads ends at once.
    let mut agent = agent_of::<4096, 128, _>(&COMMANDS);
    let mut guest = Guest { steps: 50, width: 1, ..Guest::default() };
    hear(&mut agent, br#"{"execute":"example-list"}"#);
    assert_eq!(agent.transmit(&mut guest, &mut [0; 20]), 20);
    agent.abandon_reply();
    assert!(agent.is_receiving());
}

#[test]
fn more_members_than_the_table_holds_are_unexpected() {
    let more: String = (0..40).map(|index| format!(r#","x{index}":0"#)).collect();
    let reply = call(&mut Guest::default(), "example-grid", &format!(r#""rows":[]{more}"#));
    assert_eq!(reply, error("Parameter 'x0' is unexpected"));
}

proptest! {
    #[test]
    fn a_list_is_the_same_however_its_steps_and_its_room_are_cut(
        steps in 0usize..40, width in 0usize..30, room in 1usize..200
    ) {
        let expected: Vec<_> = (0..steps).map(|step| step.to_string().repeat(width)).collect();
        for command in ["example-list", "example-packed"] {
            let mut agent = agent_of::<128, 128, _>(&COMMANDS);
            hear(&mut agent, format!(r#"{{"execute":"{command}","id":1}}"#).as_bytes());
            let mut guest = Guest { steps, width, ..Guest::default() };
            let reply: serde_json::Value = serde_json::from_str(&answer(&mut agent, &mut guest, room)).expect("it is JSON");
            prop_assert_eq!(&reply, &serde_json::json!({"return": expected, "id": 1}));
        }
    }
}
