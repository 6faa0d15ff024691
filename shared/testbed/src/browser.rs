//! A Chromium without a screen, driven over its debugging protocol.
//!
//! Over a pair of pipes (`--remote-debugging-pipe`): JSON with a zero octet
//! after each message. Neither a port nor a web socket is needed.
#![expect(clippy::indexing_slicing, reason = "what a JSON value has not is null")]

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::path::find_program;
use crate::require::BROWSERS;
use crate::wait::eventually;

/// A browser with one tab; killed, with all its files, when it is dropped.
pub struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    events: VecDeque<Value>,
    session: Option<String>,
    next: u64,
    complaints: Vec<String>,
    requests: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one with an empty profile.
    ///
    /// # Errors
    ///
    /// When there is none, or a command fails.
    pub fn start() -> Result<Self> {
        let program = BROWSERS.iter().find_map(|name| find_program(name));
        let program = program.context("no browser in PATH")?;
        let profile = tempfile::tempdir()?;
        // The pipes are to be descriptors 3 and 4, which a shell can arrange.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null"])
            .arg(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the browser")?;
        let input = child.stdin.take().context("no pipe")?;
        let output = child.stdout.take().context("no pipe")?;
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { continue };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            input,
            messages,
            events: VecDeque::new(),
            session: None,
            next: 0,
            complaints: Vec::new(),
            requests: Vec::new(),
            _profile: profile,
        };
        browser.attach()?;
        Ok(browser)
    }

    fn attach(&mut self) -> Result<()> {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", attach)?;
        self.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}))?;
        }
        // Pages in the background have neither focus nor clipboard.
        self.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }))?;
        Ok(())
    }

    /// Calls a method of the protocol, and returns its result.
    ///
    /// # Errors
    ///
    /// The browser's error, or that it does not answer.
    #[expect(clippy::needless_pass_by_value, reason = "made where it is passed")]
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut octets = serde_json::to_vec(&message)?;
        octets.push(0);
        self.input.write_all(&octets)?;
        loop {
            let mut message = self
                .messages
                .recv_timeout(PATIENCE)
                .with_context(|| format!("{method} was not answered"))?;
            if message["id"] == id {
                if let Some(error) = message.get("error") {
                    bail!("{method}: {error}");
                }
                return Ok(message["result"].take());
            }
            self.note(message);
        }
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Errors
    ///
    /// When no server answers, or not in time.
    pub fn open(&mut self, url: &str) -> Result<()> {
        self.events.clear();
        let result = self.call("Page.navigate", json!({ "url": url }))?;
        if let Some(error) = result.get("errorText") {
            bail!("{url}: {error}");
        }
        loop {
            while let Some(event) = self.events.pop_front() {
                if event["method"] == "Page.loadEventFired" {
                    return Ok(());
                }
            }
            let message = self
                .messages
                .recv_timeout(PATIENCE)
                .context(url.to_owned())?;
            self.note(message);
        }
    }

    /// Evaluates an expression, also one that is a promise, as if a person had
    /// just done something.
    ///
    /// # Errors
    ///
    /// What it throws.
    pub fn eval(&mut self, expression: &str) -> Result<Value> {
        let params = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
            "userGesture": true,
        });
        let mut result = self.call("Runtime.evaluate", params)?;
        if let Some(details) = result.get("exceptionDetails") {
            bail!("{expression}: {details}");
        }
        Ok(result["result"]["value"].take())
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    ///
    /// When it is not `within` that time; the text of the page is in the error.
    pub fn wait_for(&mut self, expression: &str, within: Duration) -> Result<()> {
        let is_true = || self.eval(expression).is_ok_and(|value| value == true);
        if eventually(within, is_true) {
            return Ok(());
        }
        let text = self.eval("document.body.innerText")?;
        bail!(
            "{expression} is not true after {within:?}, of\n{}",
            text.as_str().unwrap_or_default()
        )
    }

    /// Presses and releases a key, as `Tab` or `Enter`.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn press(&mut self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            _ => (0, key),
        };
        for kind in ["keyDown", "keyUp"] {
            let params = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            });
            self.call("Input.dispatchKeyEvent", params)?;
        }
        Ok(())
    }

    /// Makes the window so large, in CSS pixels.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        let params = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", params)?;
        Ok(())
    }

    /// Prefers `light` or `dark` from here on.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn prefer(&mut self, scheme: &str) -> Result<()> {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }))?;
        Ok(())
    }

    /// Writes what is seen to a file, as PNG.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and the system's error.
    pub fn screenshot(&mut self, file: &Path) -> Result<()> {
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" }))?;
        let text = shot["data"].as_str().context("no picture")?;
        std::fs::write(file, decode_base64(text)).with_context(|| file.display().to_string())
    }

    /// What was written to the console as an error, thrown and not caught, or
    /// kept from loading by the page's policy, so far.
    pub fn complaints(&mut self) -> &[String] {
        self.note_all();
        &self.complaints
    }

    /// What was asked for, so far.
    pub fn requests(&mut self) -> &[String] {
        self.note_all();
        &self.requests
    }

    fn note_all(&mut self) {
        loop {
            match self.messages.recv_timeout(Duration::ZERO) {
                Ok(message) => self.note(message),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn note(&mut self, event: Value) {
        let params = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => self.complaints.push(params.to_string()),
            "Runtime.consoleAPICalled" if params["type"] == "error" => {
                self.complaints.push(params["args"].to_string());
            }
            "Log.entryAdded" if params["entry"]["level"] == "error" => {
                self.complaints.push(params["entry"].to_string());
            }
            "Network.requestWillBeSent" => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                self.requests.push(url.to_owned());
            }
            _ => {}
        }
        self.events.push_back(event);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends itself and its children; else, at least itself.
        self.session = None;
        self.call("Browser.close", json!({})).ok();
        let ended = eventually(PATIENCE, || self.child.try_wait().is_ok_and(|s| s.is_some()));
        if !ended {
            self.child.kill().unwrap_or_default();
            self.child.wait().ok();
        }
    }
}

/// Decodes RFC 4648, section 4; other characters are passed over.
fn decode_base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut octets, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for six in text.bytes().filter_map(value) {
        bits = (bits << 6 | u32::from(six)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            octets.push((bits >> held).to_le_bytes()[0]);
        }
    }
    octets
}

/// Without a sandbox it also runs as root and in containers; it only ever
/// opens pages of the test.
const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    "--lang=en",
];

/// A busy machine takes seconds to start it.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn base64_is_decoded() {
    for (text, octets) in
        [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")]
    {
        assert_eq!(decode_base64(text), octets.as_bytes(), "RFC 4648, section 10");
    }
}
