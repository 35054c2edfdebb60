//! What a handler of a guest's own sees of its arguments: lists, strings, and as many members as there may be.

use crate::common::{agent_of, error, hear, readable, returns};
use nanoqga::{Command, CommandSet, Error, List, Reply, Request, Step, Text};

/// As many parameters as a command may have.
const NAMES: [&str; 32] = [
    "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8",
    "b9", "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "d0", "d1",
];

fn many(_: &mut (), request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let mut sum = 0;
    for name in NAMES {
        sum += arguments.required::<i64>(name)?;
    }
    arguments.finish()?;
    Ok(reply.whole(&sum)?)
}

/// How long the list is, and whether it is empty.
fn measure(_: &mut (), request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let list: List<'_, i64> = arguments.required("list")?;
    arguments.finish()?;
    Ok(reply.whole(&(list.len(), list.is_empty()))?)
}

/// How long each list of a list is.
fn lengths(_: &mut (), request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let lists: List<'_, List<'_, Text<'_>>> = arguments.required("lists")?;
    arguments.finish()?;
    let text: String = lists.iter().map(|list| format!("{} ", list.len())).collect();
    Ok(reply.whole(text.trim())?)
}

/// The string, if it has at most 8 bytes.
fn copy(_: &mut (), request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let text: Text<'_> = arguments.required("text")?;
    arguments.finish()?;
    let mut buffer = [b'#'; 8];
    Ok(reply.whole(&text.copy_to(&mut buffer))?)
}

const OWN: &[Command<()>] = &[
    Command::new("example-many", many),
    Command::new("example-measure", measure),
    Command::new("example-lengths", lengths),
    Command::new("example-copy", copy),
];
static COMMANDS: CommandSet<()> = CommandSet::new(&[OWN]);

fn call(command: &str, arguments: &str) -> String {
    let mut agent = agent_of::<4096, 1024, _>(&COMMANDS);
    hear(&mut agent, format!(r#"{{"execute":"example-{command}","arguments":{{{arguments}}}}}"#).as_bytes());
    let mut room = [0; 1024];
    let filled = agent.transmit(&mut (), &mut room);
    readable(&room[..filled])
}

#[test]
fn a_command_may_have_as_many_parameters_as_the_table_holds_and_no_other_member_goes_unseen() {
    let all: Vec<_> = NAMES.iter().enumerate().map(|(index, name)| format!(r#""{name}":{index}"#)).collect();
    let sum = (0..32).sum::<i64>().to_string();
    assert_eq!(call("many", &all.join(",")), returns(&sum));
    assert_eq!(call("many", &format!(r#"{},"e":1"#, all.join(","))), error("Parameter 'e' is unexpected"));
    assert_eq!(call("many", &format!(r#""e":1,{}"#, all[..31].join(","))), error("Parameter 'd1' is missing"));
}

#[test]
fn a_list_knows_its_length() {
    for (list, length) in [("[]", "[0,true]"), ("[7]", "[1,false]"), ("[0,1,2]", "[3,false]")] {
        assert_eq!(call("measure", &format!(r#""list":{list}"#)), returns(length));
    }
    // Brackets and quotes in strings are no brackets and quotes.
    let lists = r#""lists":[["]","}"],[],["\\"],["[","{","\\","a"]]"#;
    assert_eq!(call("lengths", lists), returns(r#""2 0 1 4""#));
}

#[test]
fn a_string_is_copied_without_its_escapes_if_it_fits() {
    for (text, copied) in [
        ("", r#""""#),
        ("abcdefgh", r#""abcdefgh""#),
        ("abcdefghi", "null"),
        (r"\n\t\r\b\f\/", r#""\n\t\r\b\f/""#),
        (r#"\"\\'"#, r#""\"\\'""#),
        (r"\u00e9\uD83D\uDE00", r#""\u00E9\uD83D\uDE00""#),
        (r"\u007f\u0001ab", r#""\u007F\u0001ab""#),
        ("abcde\u{1F600}", "null"),
    ] {
        assert_eq!(call("copy", &format!(r#""text":"{text}""#)), returns(copied), "{text}");
    }
}
