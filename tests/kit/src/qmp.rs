//! QEMU's control socket: commands and events.

use std::collections::VecDeque;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::client::Client;
use crate::deadline::Deadline;

/// A connection to QEMU's machine protocol, whose lines have the same form as the agent's.
#[derive(Debug)]
pub struct Qmp {
    client: Client,
    events: VecDeque<Value>,
}

impl Qmp {
    /// Connects and leaves the greeting behind.
    ///
    /// # Errors
    /// When QEMU does not greet before the deadline.
    pub fn connect(socket: &Path, deadline: Deadline) -> Result<Self> {
        let logs = socket.parent().context("a socket is in a folder")?;
        let client = Client::connect(socket, deadline)?.quoting(logs);
        let mut qmp = Self { client, events: VecDeque::new() };
        let greeting = qmp.message(deadline)?;
        if greeting.get("QMP").is_none() {
            bail!(
                "QEMU must greet on its control socket with the member QMP, and sent {greeting}: is that socket QEMU's?"
            );
        }
        qmp.execute("qmp_capabilities", json!({}), deadline)?;
        Ok(qmp)
    }

    /// Runs a command and gives its return value. Events that come meanwhile are kept.
    ///
    /// # Errors
    /// When there is no reply before the deadline, or an error in it.
    pub fn execute(&mut self, command: &str, arguments: Value, deadline: Deadline) -> Result<Value> {
        let request = json!({"execute": command, "arguments": arguments});
        self.client.send(format!("{request}\n").as_bytes(), deadline)?;
        loop {
            let message = self.message(deadline)?;
            if message.get("event").is_some() {
                self.events.push_back(message);
            } else if let Some(value) = message.get("return") {
                return Ok(value.clone());
            } else {
                bail!("QEMU's {command}: {message}");
            }
        }
    }

    /// Runs a command of QEMU's monitor for people and returns what it prints.
    ///
    /// # Errors
    /// When there is no reply before the deadline. What is wrong with the command is printed.
    pub fn monitor(&mut self, command: &str, deadline: Deadline) -> Result<String> {
        let printed = self.execute("human-monitor-command", json!({"command-line": command}), deadline)?;
        Ok(printed.as_str().context("the monitor prints text")?.into())
    }

    /// Waits for an event called `name` and gives its data. Other events before it are dropped.
    ///
    /// # Errors
    /// When it does not come before the deadline.
    pub fn event(&mut self, name: &str, deadline: Deadline) -> Result<Value> {
        loop {
            let event = self.next_event(deadline)?;
            if event["event"] == name {
                return Ok(event["data"].clone());
            }
        }
    }

    /// Waits for the next event, whole.
    ///
    /// # Errors
    /// When none comes before the deadline, or QEMU ends.
    pub fn next_event(&mut self, deadline: Deadline) -> Result<Value> {
        if let Some(kept) = self.events.pop_front() {
            return Ok(kept);
        }
        loop {
            let message = self.message(deadline)?;
            if message.get("event").is_some() {
                return Ok(message);
            }
        }
    }

    fn message(&mut self, deadline: Deadline) -> Result<Value> {
        Ok(serde_json::from_slice(&self.client.line(deadline)?)?)
    }
}
