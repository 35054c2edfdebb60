//! A program that stands in for QEMU and for the guest in it, and lies as its image says. It knows what the test kit asks of
//! both: an agent's socket, two control sockets, and a console.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::exit;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// What the image asks for, as JSON.
struct Script(Value);

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let image = arguments.windows(2).find(|pair| pair[0] == "-kernel").map(|pair| &pair[1]).expect("an image");
    let script = Arc::new(Script(serde_json::from_slice(&fs::read(image).expect("the image")).expect("a script")));
    // As QEMU, it does not start when nobody is there who started it.
    let _alive = UnixStream::connect("alive.sock").expect("somebody who started this");
    let (events, ran) = (Events::default(), Arc::new(Mutex::new(0)));
    let [agent, control, told] =
        ["agent0.sock", "qmp.sock", "events.sock"].map(|name| UnixListener::bind(name).expect("a socket"));
    for listener in [control, told] {
        let (events, ran) = (events.clone(), ran.clone());
        thread::spawn(move || listener.incoming().flatten().for_each(|host| serve_control(&host, &events, &ran)));
    }
    for host in agent.incoming().flatten() {
        let mut guest =
            Guest { script: script.clone(), host, events: events.clone(), console: console(), ran: ran.clone() };
        guest.serve();
    }
}

fn console() -> File {
    File::options().create(true).append(true).open("console.log").expect("a console")
}

/// Where events are told: all connections of control sockets.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<UnixStream>>>);

impl Events {
    fn tell(&self, event: &Value) {
        for host in self.0.lock().expect("no other thread panics").iter_mut() {
            let _ = writeln!(host, "{event}");
        }
    }
}

fn serve_control(host: &UnixStream, events: &Events, ran: &Mutex<u32>) {
    let mut answer = host.try_clone().expect("a second handle");
    let _ = writeln!(answer, "{}", json!({"QMP": {"version": {}, "capabilities": []}}));
    events.0.lock().expect("no other thread panics").push(host.try_clone().expect("a second handle"));
    for line in BufReader::new(host).lines().map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        let value = match (request["execute"].as_str(), request["arguments"]["command-line"].as_str()) {
            (Some("query-status"), _) => json!({"status": "running"}),
            (_, Some("loadvm start")) => {
                *ran.lock().expect("no other thread panics") = 0;
                json!("")
            }
            (_, Some("info registers -a")) => json!("RIP=0000000000001000 RFL=00000002\r\n"),
            (_, Some(_)) => json!(""),
            _ => json!({}),
        };
        let _ = writeln!(answer, "{}", json!({"return": value}));
    }
}

struct Guest {
    script: Arc<Script>,
    host: UnixStream,
    events: Events,
    console: File,
    /// How many tests it has run since it was as new.
    ran: Arc<Mutex<u32>>,
}

impl Guest {
    fn serve(&mut self) {
        let requests = BufReader::new(self.host.try_clone().expect("a second handle"));
        for line in requests.split(b'\n').map_while(Result::ok) {
            let line = line.strip_prefix(b"\xff").unwrap_or(&line);
            let Ok(request) = serde_json::from_slice::<Value>(line) else { continue };
            let command = request["execute"].as_str().unwrap_or_default();
            // What the script has for a command is said as it is, or is a deed.
            match self.script.0[command].clone() {
                Value::Null => self.answer(command, &request["arguments"]),
                Value::String(line) => self.say(line.as_bytes()),
                deed => self.act(&deed),
            }
        }
    }

    fn answer(&mut self, command: &str, arguments: &Value) {
        let value = match command {
            "guest-sync-delimited" => {
                return self.say(format!("\u{ff}{}\n", json!({"return": arguments["id"]})).as_bytes());
            }
            "guest-ping" => json!({}),
            "guest-shutdown" => return self.act(&json!({"do": "power off"})),
            "nanoqga-test-info" => {
                let tests = self.script.0["tests"].as_array().map_or(0, Vec::len);
                json!({"protocol": 1, "tests": tests, "digest": "00112233", "boot": "1"})
            }
            "guest-info" => {
                let background = !self.script.0["background"].is_null();
                json!({"supported_commands": [{"name": "nanoqga-test-start", "enabled": background}]})
            }
            "nanoqga-test-start" => json!({"run": 7}),
            "nanoqga-test-status" => self.status(arguments),
            "nanoqga-test-list" => self.script.0["tests"].clone(),
            "nanoqga-test-run" => return self.run(arguments),
            _ => return self.say(b"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no such command\"}}\n"),
        };
        self.say(format!("{}\n", json!({"return": value})).as_bytes());
    }

    /// What the script's `background` writes comes a byte at a time, and the last with the end, if there is one.
    fn status(&self, arguments: &Value) -> Value {
        let written = self.script.0["background"]["writes"].as_str().unwrap_or_default();
        let ends = self.script.0["background"]["ends"] == true;
        let from = arguments["from"].as_u64().unwrap_or_default() as usize;
        let piece = written.get(from..written.len().min(from + 1)).unwrap_or_default();
        let mut status =
            json!({"output": piece, "next": from + piece.len(), "running": !(ends && from + 1 >= written.len())});
        if status["running"] == false {
            status["outcome"] = "failed".into();
            status["message"] = "in the background".into();
        }
        status
    }

    /// Runs a test: the guest acts as the test's `acts` says, and otherwise it passes.
    fn run(&mut self, arguments: &Value) {
        let name = arguments["name"].as_str().unwrap_or_default().to_owned();
        let mark = arguments["mark"].as_str().unwrap_or_default();
        let _ = write!(self.console, "nanoqga-test-begin {mark}\r\nthis is {name}\r\n");
        let tests = self.script.0["tests"].as_array().cloned().unwrap_or_default();
        let test = tests.into_iter().find(|test| test["name"] == *name).unwrap_or_default();
        let first = {
            let mut ran = self.ran.lock().expect("no other thread panics");
            *ran += 1;
            *ran == 1
        };
        match &test["acts"] {
            Value::Null => {}
            // It fails only in a guest that has run another test.
            Value::String(word) if word == "depends" && first => {}
            acts => return self.act(&acts.clone()),
        }
        let _ = write!(self.console, "nanoqga-test-end {mark}\r\n");
        self.say(b"{\"return\": {\"outcome\": \"passed\"}}\n");
    }

    fn act(&mut self, deed: &Value) {
        match deed["do"].as_str().or(deed.as_str()).unwrap_or_default() {
            "nothing" => {}
            "depends" => self.say(b"{\"return\": {\"outcome\": \"failed\", \"message\": \"not alone\"}}\n"),
            "say" => self.say(deed["line"].as_str().unwrap_or_default().as_bytes()),
            // A host that has gone ends it.
            "say for ever" => while self.host.write_all(&[b'x'; 65536]).is_ok() {},
            "pass, then end" => {
                self.say(b"{\"return\": {\"outcome\": \"passed\"}}\n");
                exit(1)
            }
            "end" => exit(1),
            "reset" => self.ends("guest-reset"),
            "power off" => self.ends("guest-shutdown"),
            other => panic!("there is no deed called {other}"),
        }
    }

    fn ends(&self, reason: &str) {
        self.events.tell(&json!({"event": "SHUTDOWN", "data": {"guest": true, "reason": reason}}));
    }

    /// What is not ASCII here is one byte there.
    fn say(&mut self, text: &[u8]) {
        let bytes: Vec<u8> = String::from_utf8_lossy(text).chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
        let _ = self.host.write_all(&bytes);
    }
}
