//! Requests for the commands: right ones, and wrong ones of every kind.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::commands::{COMMANDS, Command, Parameter};
use crate::json::{Json, number, spelled, string, token, value};

/// A parameter that no command has.
const REFUSED: &str = "\"x\"";

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The command that it was made for. What became of it may name another, or none.
    pub command: &'static str,
    pub text: String,
    /// Whether changing the text at random might make an agent act on the machine.
    pub acts: bool,
}

impl Request {
    /// Whether no agent can do what it asks for.
    pub fn is_harmless(&self) -> bool {
        !self.acts || self.text.contains(REFUSED)
    }
}

/// A request for any of the commands: mostly a right one but for a fault or two.
pub fn request() -> impl Strategy<Value = Request> {
    select(COMMANDS).prop_flat_map(|command| envelope(command, arguments(command).prop_map(Json::Object).boxed()))
}

/// Each parameter right or not, missing, twice or another's, in any order.
fn arguments(command: Command) -> BoxedStrategy<Vec<(String, Json)>> {
    let unknown = prop_oneof![
        30 => Just(0..1_usize),
        2 => Just(1..2),
        1 => Just(2..4),
    ]
    .prop_flat_map(|count| vec((string(), value()), count));
    let given = command.parameters.iter().map(parameter).collect::<Vec<_>>();
    let refused = if command.acts { vec![(REFUSED.to_owned(), token("1"))] } else { Vec::new() };
    (given, unknown)
        .prop_map(move |(given, unknown)| [given.concat(), unknown, refused.clone()].concat())
        .prop_shuffle()
        .boxed()
}

fn parameter(parameter: &Parameter) -> BoxedStrategy<Vec<(String, Json)>> {
    let Parameter { name, required, values } = *parameter;
    let named = move |values: BoxedStrategy<Json>| (spelled(name), values).boxed();
    let right = named(select(values).prop_map(token).boxed());
    let of_right_type = named(prop_oneof![number(), string().prop_map(Json::Token)].boxed());
    prop_oneof![
        30 => right.clone().prop_map(|member| vec![member]),
        3 => named(value().boxed()).prop_map(|member| vec![member]),
        2 => of_right_type.prop_map(|member| vec![member]),
        if required { 2 } else { 25 } => Just(Vec::new()),
        1 => (right.clone(), right).prop_map(|(one, other)| vec![one, other]),
    ]
    .boxed()
}

/// The outermost object, with an `id` or something that does not belong there.
fn envelope(command: Command, arguments: BoxedStrategy<Json>) -> BoxedStrategy<Request> {
    let member = |name: &'static str, value: BoxedStrategy<Json>| (spelled(name), value).boxed();
    let execute = member("execute", spelled(command.name).prop_map(Json::Token).boxed());
    let arguments = member("arguments", arguments);
    let right = (execute.clone(), arguments.clone()).prop_map(|(execute, arguments)| vec![execute, arguments]);
    let short = execute.clone().prop_map(|execute| vec![execute]);
    let another = member("execute", value().boxed());
    let faulty = prop_oneof![
        arguments.clone().prop_map(|arguments| vec![arguments]),
        (another, arguments.clone()).prop_map(|(execute, arguments)| vec![execute, arguments]),
        (execute.clone(), member("arguments", value().boxed()))
            .prop_map(|(execute, arguments)| vec![execute, arguments]),
        (execute.clone(), arguments.clone(), member("execute", Just(token("\"guest-ping\"")).boxed()))
            .prop_map(|(execute, arguments, again)| vec![execute, arguments, again]),
        (execute, arguments, vec((string(), value()), 1..3)).prop_map(|(execute, arguments, more)| [
            vec![execute, arguments],
            more
        ]
        .concat()),
    ];
    // What acts always has the argument that is refused. Weights do not see to that: the smallest form of a failure may be
    // one that would never have been generated.
    let members = match (command.acts, command.parameters) {
        (true, _) => right.boxed(),
        (false, []) => prop_oneof![5 => right, 5 => short, 2 => faulty].boxed(),
        (false, _) => prop_oneof![5 => right, 1 => faulty].boxed(),
    };
    let id = prop_oneof![
        3 => Just(Vec::new()),
        3 => member("id", value().boxed()).prop_map(|id| vec![id]),
    ];
    let text = (members, id).prop_map(|(members, id)| [members, id].concat()).prop_shuffle();
    (text, crate::json::space())
        .prop_map(move |(members, space)| {
            let mut text = String::new();
            Json::Object(members).write(&space, &mut text);
            Request { command: command.name, text, acts: command.acts }
        })
        .boxed()
}
