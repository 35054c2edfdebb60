//! Another guest of the same host that connects to the appliance: Linux, whose packets vhost-device-vsock passes on as they are.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use debian::executable::Executable;
use debian::linux::{Extra, config};
use nanoqga_testkit::agent::Agent;
use nanoqga_testkit::exec::{self, End, Outcome, Program};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel::Virtio;
use nanoqga_testkit::process::find;
use tests::booted::synchronise;
use tests::images::linux_agent;
use tests::sockets::{CID, PORT, Vsock};
use tests::soon;

use crate::linux::modules;

const SIBLING: u32 = 43;

/// A guest with socat, beside the appliance.
struct Sibling {
    agent: Agent,
    _guest: Guest,
    _folder: PrivateFolder,
}

impl Sibling {
    fn start(appliance: &Vsock) -> Result<Self> {
        let folder = PrivateFolder::new()?;
        let socat = Executable::new(find("socat").context("socat is not installed; `cargo xtask setup` does that")?);
        let mut files: Vec<_> =
            socat.libraries()?.into_iter().map(|library| (in_bin(&library), 0o755, fs::read(library))).collect();
        files.push((SOCAT.into(), 0o755, fs::read(socat.program())));
        files.extend(modules()?.into_iter().map(|(path, content)| (path, 0o644, Ok(content))));
        let extras = files.iter_mut().map(|(path, mode, content)| {
            let content = std::mem::replace(content, Ok(Vec::new()))?;
            Ok(Extra { path, mode: *mode, content })
        });
        let extras = extras.collect::<Result<Vec<_>>>()?;
        let mut config = config(&linux_agent()?, Virtio, &folder.path().join("initramfs"), &extras)?;
        appliance.device.attach(&mut config, SIBLING);
        let mut guest = Guest::start(&config)?;
        let agent = Agent::over(guest.connect(soon())?);
        Ok(Self { agent, _guest: guest, _folder: folder })
    }

    /// Connects to the appliance, sends `requests`, and sends no more. Returns what came back until the connection ended.
    fn says(&mut self, requests: &str) -> Result<Outcome> {
        let arguments = ["--library-path", "/bin", SOCAT, "-t", "60", "-", &format!("VSOCK-CONNECT:{CID}:{PORT}")]
            .map(String::from);
        let program = Program { path: LOADER, arguments: &arguments, input: requests.as_bytes(), ..Program::default() };
        exec::run(&mut self.agent, &program)
    }
}

const SOCAT: &str = "/bin/socat";
const LOADER: &str = "/bin/ld-linux-x86-64.so.2";

fn in_bin(library: &Path) -> String {
    format!("/bin/{}", library.file_name().unwrap_or_default().to_string_lossy())
}

#[test]
fn another_guest_is_refused() -> Result<()> {
    let appliance = Vsock::boot_beside(&[SIBLING], "q35", &format!("agent=vsock:{PORT}"), &[], |_| ())?;
    appliance.listens()?;
    let mut sibling = Sibling::start(&appliance)?;
    for _ in 0..3 {
        let Outcome { end, stdout, stderr, .. } = sibling.says(r#"{"execute":"guest-ping"}"#)?;
        let said = String::from_utf8_lossy(&stderr);
        ensure!(end == End::Exited(1) && stdout.is_empty() && said.contains("Connection reset by peer"), "{said}");
    }
    appliance.guest.console_shows("refused context ID 43, which is not the host", soon())?;
    ensure!(appliance.guest.console().matches("context ID 43").count() == 1, "it can fill the log");
    synchronise(&mut appliance.connect()?, 1)
}

/// One that sends no more, and waits for its replies: hosts of vhost-device-vsock 0.3 cannot, but guests can. Packets are short, because
/// those of more than 4 KiB are cut on their way from guest to guest.
#[test]
fn another_guest_is_served_if_any_may_connect() -> Result<()> {
    let appliance = Vsock::boot_beside(&[SIBLING], "q35", &format!("agent=vsock:{PORT},any"), &[], |_| ())?;
    appliance.listens()?;
    let mut sibling = Sibling::start(&appliance)?;
    for round in 0..10 {
        let long = "x".repeat(1000);
        let requests = format!(r#"{{"execute":"guest-ping","id":"{long}"}}{{"execute":"guest-ping","id":{round}}}"#);
        let Outcome { end, stdout, stderr, .. } = sibling.says(&requests)?;
        let expected = format!("{{\"return\": {{}}, \"id\": \"{long}\"}}\n{{\"return\": {{}}, \"id\": {round}}}\n");
        ensure!(end == End::Exited(0), "{}", String::from_utf8_lossy(&stderr));
        ensure!(stdout == expected.as_bytes(), "{} bytes came back instead of {}", stdout.len(), expected.len());
        synchronise(&mut appliance.connect()?, round)?;
    }
    Ok(())
}
