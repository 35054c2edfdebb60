//! A browser without a window. It is driven by the DevTools protocol over two pipes: messages of JSON, each ends in a zero byte.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::deadline::{SOON, factor};
use nanoqga_testkit::folder::PrivateFolder;
use serde_json::{Value, json};

/// The browser takes requests at its descriptor 3 and replies at 4.
const START: &str = "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking \
                     --remote-debugging-pipe --user-data-dir=\"$0\" about:blank 3<&0 4>&1 </dev/null >&2";

/// A browser with one page. It ends with this.
pub struct Browser {
    child: Child,
    requests: ChildStdin,
    messages: Receiver<Value>,
    /// The number of the last request.
    last: u64,
    /// What stands for the page in requests.
    session: Option<String>,
    /// Requests of the page that have no end yet.
    loading: BTreeSet<String>,
    loaded: bool,
    errors: Vec<String>,
    _profile: PrivateFolder,
}

impl Browser {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start, or does not speak the protocol.
    pub fn start() -> Result<Self> {
        let profile = PrivateFolder::new()?;
        let mut command = Command::new("sh");
        command.args(["-c", START]).arg(profile.path()).stderr(Stdio::null());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let requests = child.stdin.take().context("a browser has pipes")?;
        let replies = BufReader::new(child.stdout.take().context("a browser has pipes")?);
        let (sender, messages) = channel();
        thread::spawn(move || {
            let texts = replies.split(0).map_while(Result::ok);
            texts.filter_map(|text| serde_json::from_slice(&text).ok()).try_for_each(|message| sender.send(message))
        });
        let (loading, errors) = (BTreeSet::new(), Vec::new());
        let mut browser = Self {
            child,
            requests,
            messages,
            last: 0,
            session: None,
            loading,
            loaded: false,
            errors,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.call("Target.attachToTarget", &attach)?["sessionId"].as_str().map(String::from);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    /// Opens a page in a window of this width, and waits until it is quiet. Returns the JSON that a script on it returns.
    ///
    /// # Errors
    /// When the browser fails, or the page never becomes quiet.
    pub fn open(&mut self, address: &str, width: u32, script: &str) -> Result<Value> {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size)?;
        self.loading.clear();
        self.loaded = false;
        self.errors.clear();
        self.call("Page.navigate", &json!({"url": address}))?;
        while !self.loaded {
            self.next()?;
        }
        // What the page has put off until it has nothing else to do comes before this.
        self.evaluate("new Promise(done => requestIdleCallback(() => setTimeout(() => done('')))) ")?;
        while !self.loading.is_empty() {
            self.next()?;
        }
        let said = self.evaluate(script)?;
        serde_json::from_str(&said).with_context(|| format!("{address}: the script returned {said}"))
    }

    /// The errors of the page that was opened last: of its scripts, on its console, and of its requests.
    pub fn errors(&mut self) -> impl Iterator<Item = String> {
        std::mem::take(&mut self.errors).into_iter()
    }

    fn evaluate(&mut self, script: &str) -> Result<String> {
        let script = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let reply = self.call("Runtime.evaluate", &script)?;
        reply["result"]["value"].as_str().map(String::from).with_context(|| format!("a script failed: {reply}"))
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.last += 1;
        let mut request = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        self.requests
            .write_all(format!("{request}\0").as_bytes())
            .context("the browser has ended: does `chromium --headless` start?")?;
        loop {
            let mut message = self.next()?;
            if message["id"] == self.last {
                if let Some(error) = message.get("error") {
                    bail!("the browser refused {method}: {error}");
                }
                return Ok(message["result"].take());
            }
        }
    }

    /// Waits for the browser's next message, and notes what it says of the page.
    fn next(&mut self) -> Result<Value> {
        let message = self.messages.recv_timeout(SOON * factor()).context("the browser says nothing more")?;
        let about = &message["params"];
        let request = || about["requestId"].as_str().unwrap_or_default().to_owned();
        match message["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => self.loaded = true,
            "Network.requestWillBeSent" => _ = self.loading.insert(request()),
            "Network.loadingFinished" => _ = self.loading.remove(&request()),
            "Network.loadingFailed" => {
                self.loading.remove(&request());
                self.errors.push(format!("a request failed: {}", about["errorText"]));
            }
            "Runtime.exceptionThrown" => self.errors.push(about["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if about["type"] == "error" => self.errors.push(about["args"].to_string()),
            "Log.entryAdded" if about["entry"]["level"] == "error" => self.errors.push(about["entry"].to_string()),
            _ => {}
        }
        Ok(message)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
