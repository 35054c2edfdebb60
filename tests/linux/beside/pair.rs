//! The two agents.

use anyhow::{Context, Result, ensure};
use debian::executable::Executable;
use debian::reference::{QemuGa, Version};
use nanoqga_testkit::client::{Client, request_line};
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tests::program::{Program, ours, reference};
use tests::soon;

/// An agent that answers.
#[derive(Debug)]
pub struct Agent {
    pub client: Client,
    pub program: Program,
}

impl Agent {
    fn start(program: Program) -> Result<Self> {
        Ok(Self { client: program.connect()?, program })
    }

    /// Our agent alone.
    pub fn ours() -> Result<Self> {
        Self::start(Program::start(&ours()?, &[])?)
    }

    /// The whole reply to a command.
    pub fn ask(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        self.client.request(&request_line(command, Some(arguments)), soon())?.json()
    }

    /// What a command returns.
    pub fn get(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let mut reply = self.ask(command, arguments)?;
        reply.get_mut("return").map(Value::take).with_context(|| format!("{command} {arguments}: {reply}"))
    }
}

/// Ours and the reference.
#[derive(Debug)]
pub struct Pair {
    pub ours: Agent,
    pub reference: Agent,
    /// The reference's.
    pub version: Version,
}

impl Pair {
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Both, with this in their environment.
    pub fn start_with(environment: &[(&str, &str)]) -> Result<Self> {
        let start = |program: Executable| Agent::start(Program::start_with(&program, environment)?);
        Ok(Self { ours: start(ours()?)?, reference: start(reference()?)?, version: QemuGa::find()?.version() })
    }

    /// Both, as a user who can change nothing of this machine.
    pub fn start_powerless() -> Result<Self> {
        let start = |program: Executable| Agent::start(Program::start_powerless(&program, &[], &[])?);
        Ok(Self { ours: start(ours()?)?, reference: start(reference()?)?, version: QemuGa::find()?.version() })
    }

    /// What both return: ours, then the reference's.
    pub fn get(&mut self, command: &str, arguments: &Value) -> Result<[Value; 2]> {
        Ok([self.ours.get(command, arguments)?, self.reference.get(command, arguments)?])
    }

    /// Both return the same, or fail in the same way. Lists have no order.
    pub fn same(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let [ours, theirs] = [self.ours.ask(command, &arguments)?, self.reference.ask(command, &arguments)?];
        let [ours, theirs] = [sorted(ours), sorted(theirs)];
        ensure!(ours == theirs, "{command} {arguments}\n     ours: {ours}\nreference: {theirs}");
        Ok(ours)
    }
}

/// What a program has written that a host runs to its end.
pub fn finished(client: &mut Client, path: &str, arguments: &[&str]) -> Result<String> {
    let program = json!({"path": path, "arg": arguments, "capture-output": true});
    let started = client.execute("guest-exec", program, soon())?;
    let status = soon().poll("the end of a program", || {
        let status = client.execute("guest-exec-status", started.clone(), soon())?;
        Ok((status["exited"] == true).then_some(status))
    })?;
    let output = BASE64.decode(status["out-data"].as_str().unwrap_or_default())?;
    Ok(String::from_utf8(output)?)
}

/// The same value with the lists in it in one order.
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Array(list) => {
            let mut list: Vec<Value> = list.into_iter().map(sorted).collect();
            list.sort_by_key(Value::to_string);
            Value::Array(list)
        }
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, sorted(value))).collect(),
        other => other,
    }
}

/// The same value with every number in it 0: its members, and not what changes by itself.
pub fn shape(value: Value) -> Value {
    match value {
        Value::Number(_) => json!(0),
        Value::Array(list) => list.into_iter().map(shape).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, shape(value))).collect(),
        other => other,
    }
}
