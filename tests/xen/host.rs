//! A machine with Xen: one boot for all tests, in QEMU's software emulation.

use std::iter;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use anyhow::{Context, Result, anyhow, ensure};
use debian::linux::Extra;
use debian::xen::Xen;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::qemu::Console;

use crate::images;

/// The port of the machine's virtio console with the lines that domain 0 runs.
const LINES: &str = "lines";
/// Ports that are the way to an agent, each for one host: QEMU 7.2 may stop reading from a port that a host has left.
const WAYS: usize = 40;
/// How many ports a virtio console has, beside its own console.
const PORTS: usize = 30;

/// The machine, while a test needs it. The last one that does switches it off.
static MACHINE: Mutex<Weak<Mutex<Host>>> = Mutex::new(Weak::new());

/// The machine as a test holds it: tests take turns, because they share one processor.
#[derive(Debug)]
pub struct Shared(Arc<Mutex<Host>>);

/// A machine with Xen, and the shell of its domain 0.
#[derive(Debug)]
pub struct Host {
    lines: Client,
    ways: Range<usize>,
    guest: Guest,
    /// The initramfs lies in it.
    _folder: PrivateFolder,
}

impl Shared {
    /// The machine that another test has booted, or a new one.
    pub fn find() -> Result<Self> {
        let mut machine = MACHINE.lock().map_err(|_| anyhow!("Xen did not boot for another test"))?;
        if let Some(host) = machine.upgrade() {
            return Ok(Self(host));
        }
        let host = Arc::new(Mutex::new(Host::boot()?));
        *machine = Arc::downgrade(&host);
        Ok(Self(host))
    }

    /// Waits for this test's turn.
    pub fn turn(&self) -> MutexGuard<'_, Host> {
        // A test that has failed leaves a machine that others can use.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// How long anything may take in a machine that is emulated twice.
pub fn emulated() -> Deadline {
    Deadline::seconds(60)
}

impl Host {
    fn boot() -> Result<Self> {
        let folder = PrivateFolder::new()?;
        let (xen, path) = (Xen::find()?, |name: &str| folder.path().join(name));
        xen.write_hypervisor(&path("xen"))?;
        let mut files = images::domains(folder.path())?;
        files.push(Extra { path: "/init", mode: 0o755, content: include_bytes!("dom0.sh").to_vec() });
        xen.write_initramfs(&path("dom0"), &files)?;
        let arguments = arguments(&path("xen"), &xen.kernel()?, &path("dom0"));
        let guest = Guest::start_program("qemu-system-x86_64", &arguments, Console::File)?;
        let lines = guest.folder().join(format!("{LINES}.sock"));
        let lines = Client::connect(&lines, emulated())?.quoting(guest.folder());
        guest.console_shows("domain 0 is up", emulated())?;
        let mut host = Self { lines, ways: 0..WAYS, guest, _folder: folder };
        host.run("xl list")?;
        Ok(host)
    }

    /// What a line of the shell in domain 0 prints.
    ///
    /// # Errors
    /// When it fails; the message has what it printed.
    pub fn run(&mut self, line: &str) -> Result<String> {
        self.lines.send(format!("{line}\n").as_bytes(), emulated())?;
        let mut said = String::new();
        loop {
            let next = self.lines.line(emulated()).with_context(|| format!("{line}: {said}"))?;
            let next = String::from_utf8_lossy(&next);
            if let Some(status) = next.strip_prefix("= ") {
                ensure!(status == "0", "{line}: status {status}: {said}");
                return Ok(said);
            }
            said += &next;
            said.push('\n');
        }
    }

    /// Writes a file in domain 0.
    pub fn write(&mut self, path: &str, text: &str) -> Result<()> {
        let quoted = text.replace('\'', r"'\''").replace('\n', "' '");
        self.run(&format!("printf '%s\\n' '{quoted}' >{path}")).map(drop)
    }

    /// Connects to a unix socket of domain 0.
    pub fn connect(&mut self, socket: &str) -> Result<Client> {
        let way = self.ways.next().map(way).context("there are not enough ports")?;
        // The port has its host before a program in domain 0 opens it, or that would find its end.
        let client = Client::connect(&self.guest.folder().join(format!("{way}.sock")), emulated())?;
        self.run(&format!("reach {way} {socket}"))?;
        Ok(client.quoting(self.guest.folder()))
    }

    /// The ends of the logs of the machine and of domains, for messages.
    pub fn tails(&mut self) -> String {
        let domains = self
            .run("xl list; ps -o pid,args | grep [/]run; tail -n 30 /var/log/xen/*.log")
            .unwrap_or_else(|error| format!("{error:#}"));
        format!("{}\n{domains}", self.guest.tails())
    }
}

/// The name of a way to an agent.
fn way(number: usize) -> String {
    format!("way{number}")
}

fn arguments(xen: &Path, kernel: &Path, initramfs: &Path) -> Vec<String> {
    let (xen, kernel, initramfs) = (xen.display(), kernel.display(), initramfs.display());
    let mut words: Vec<String> = "-accel tcg -machine q35 -cpu max,-smap -m 1536 -nodefaults -display none -no-reboot \
                     -chardev file,id=console,path=console.log -serial chardev:console"
        .split_whitespace()
        .map(String::from)
        .collect();
    let ports: Vec<_> = iter::once(LINES.into()).chain((0..WAYS).map(way)).collect();
    for (index, ports) in ports.chunks(PORTS).enumerate() {
        words.extend(["-device".into(), format!("virtio-serial-pci,id=ports{index}")]);
        for port in ports {
            words.extend([
                "-chardev".into(),
                format!("socket,id={port},path={port}.sock,server=on,wait=off"),
                "-device".into(),
                format!("virtserialport,bus=ports{index}.0,chardev={port},name={port}"),
            ]);
        }
    }
    let xen_words = "com1=115200,8n1 console=com1 dom0_mem=768M,max:768M dom0_max_vcpus=1 noreboot guest_loglvl=all";
    words.extend(["-kernel".into(), xen.to_string(), "-append".into(), xen_words.into()]);
    words.extend(["-initrd".into(), format!("{kernel} console=hvc0 quiet,{initramfs}")]);
    words
}
