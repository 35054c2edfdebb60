//! Machines with Xen, in QEMU's software emulation. Tests share them.

use std::iter;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, Result, anyhow, ensure};
use debian::linux::Extra;
use debian::xen::Xen;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::qemu::Console;

use crate::images;

/// Ports of the machine's virtio consoles with lines that domain 0 runs: one for each test.
const SHELLS: usize = 12;
/// Ports that are the way to an agent, each for one host: QEMU 7.2 may stop reading from a port that a host has left.
const WAYS: usize = 70;
/// How many ports a virtio console has, beside its own console.
const PORTS: usize = 30;

/// The machines, while tests need them: each has one processor. The last test that needs one switches it off.
static MACHINES: [Mutex<Weak<Host>>; 2] = [const { Mutex::new(Weak::new()) }; 2];
/// How many tests use, or boot, each of them.
static USERS: Mutex<[usize; 2]> = Mutex::new([0; 2]);

/// A machine with Xen.
#[derive(Debug)]
struct Host {
    /// Those that no test has.
    shells: Mutex<Vec<Client>>,
    ways: AtomicUsize,
    saving: Mutex<()>,
    guest: Guest,
    /// The initramfs lies in it.
    _folder: PrivateFolder,
}

/// A shell of a machine's domain 0. Tests run side by side, each with its own.
#[derive(Debug)]
pub struct Shell {
    lines: Client,
    host: Arc<Host>,
    _use: Use,
}

/// A test's use of a machine, by its number.
#[derive(Debug)]
struct Use(usize);

impl Use {
    /// Of the machine that the fewest tests use.
    fn begin() -> Self {
        let mut users = USERS.lock().unwrap_or_else(PoisonError::into_inner);
        let number = usize::from(users[1] < users[0]);
        users[number] += 1;
        Self(number)
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        USERS.lock().unwrap_or_else(PoisonError::into_inner)[self.0] -= 1;
    }
}

/// How long anything may take in a machine that is emulated twice, and that others share.
pub fn emulated() -> Deadline {
    Deadline::seconds(300)
}

impl Host {
    /// The machine of that number, which another test has booted, or a new one.
    fn find(number: usize) -> Result<Arc<Self>> {
        let mut machine = MACHINES[number].lock().map_err(|_| anyhow!("Xen did not boot for another test"))?;
        if let Some(host) = machine.upgrade() {
            return Ok(host);
        }
        let host = Arc::new(Self::boot()?);
        *machine = Arc::downgrade(&host);
        Ok(host)
    }

    fn boot() -> Result<Self> {
        let folder = PrivateFolder::new()?;
        let (xen, path) = (Xen::find()?, |name: &str| folder.path().join(name));
        xen.write_hypervisor(&path("xen"))?;
        let mut files = images::domains(folder.path())?;
        files.push(Extra { path: "/init", mode: 0o755, content: include_bytes!("dom0.sh").to_vec() });
        xen.write_initramfs(&path("dom0"), &files)?;
        let arguments = arguments(&path("xen"), &xen.kernel()?, &path("dom0"));
        let guest = Guest::start_program("qemu-system-x86_64", &arguments, Console::File)?;
        // A port has its host before domain 0 opens it, or that would find its end.
        let shells = (0..SHELLS).map(|number| connect(&guest, &shell(number))).collect::<Result<_>>()?;
        guest.console_shows("domain 0 is up", emulated())?;
        Ok(Self {
            shells: Mutex::new(shells),
            ways: AtomicUsize::new(0),
            saving: Mutex::new(()),
            guest,
            _folder: folder,
        })
    }
}

impl Shell {
    /// A shell of a machine's, which is booted by the first test that asks for one.
    pub fn open() -> Result<Self> {
        let using = Use::begin();
        let host = Host::find(using.0)?;
        let lines = host.shells.lock().map_err(|_| anyhow!("another test failed"))?.pop();
        Ok(Self { lines: lines.context("there are more tests than shells")?, host, _use: using })
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
        let number = self.host.ways.fetch_add(1, Ordering::Relaxed);
        ensure!(number < WAYS, "there are not enough ports");
        let way = way(number);
        // As with a shell, the host comes first.
        let client = connect(&self.host.guest, &way)?;
        self.run(&format!("reach {way} {socket}"))?;
        Ok(client)
    }

    /// Saves a domain and restores it. One test at a time does, because what is saved takes domain 0's memory.
    pub fn save_and_restore(&mut self, name: &str) -> Result<()> {
        let host = Arc::clone(&self.host);
        let _alone = host.saving.lock().unwrap_or_else(PoisonError::into_inner);
        self.run(&format!("save_and_restore {name}")).map(drop)
    }

    /// The ends of the logs of the machine and of domains, for messages.
    pub fn tails(&mut self) -> String {
        let domains = self
            .run("xl list; ps -o pid,args | grep [/]run; tail -n 30 /var/log/xen/*.log")
            .unwrap_or_else(|error| format!("{error:#}"));
        format!("{}\n{domains}", self.host.guest.tails())
    }
}

/// The host of a port.
fn connect(guest: &Guest, port: &str) -> Result<Client> {
    let socket = guest.folder().join(format!("{port}.sock"));
    Ok(Client::connect(&socket, emulated())?.quoting(guest.folder()))
}

/// The name of a port with lines for domain 0.
fn shell(number: usize) -> String {
    format!("lines{number}")
}

/// The name of a way to an agent.
fn way(number: usize) -> String {
    format!("way{number}")
}

fn arguments(xen: &Path, kernel: &Path, initramfs: &Path) -> Vec<String> {
    let (xen, kernel, initramfs) = (xen.display(), kernel.display(), initramfs.display());
    let mut words: Vec<String> = "-accel tcg -machine q35 -cpu max,-smap -m 3072 -nodefaults -display none -no-reboot \
                     -chardev file,id=console,path=console.log -serial chardev:console"
        .split_whitespace()
        .map(String::from)
        .collect();
    let (shells, ways): (Vec<_>, Vec<_>) = ((0..SHELLS).map(shell).collect(), (0..WAYS).map(way).collect());
    // QEMU loses the news of hosts if many are there when a console with many ports starts.
    for (index, ports) in iter::once(&*shells).chain(ways.chunks(PORTS)).enumerate() {
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
    let xen_words = "com1=115200,8n1 console=com1 dom0_mem=1280M,max:1280M dom0_max_vcpus=1 noreboot guest_loglvl=all";
    words.extend(["-kernel".into(), xen.to_string(), "-append".into(), xen_words.into()]);
    words.extend(["-initrd".into(), format!("{kernel} console=hvc0 quiet,{initramfs}")]);
    words
}
