//! A transient domain that runs the image, destroyed when dropped.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow};
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::process::find;
use nanoqga_testkit::qemu::Format;
use serde_json::Value;
use tests::images::boot_disk;
use tests::images::{NANO, Profile};
use tests::time::SECOND;
use tests::{image, soon};

use crate::daemon::{BETWEEN_LOOKS, Libvirt, add_virsh, virsh, virsh_command};

/// The agent's channel, as libvirt's users write it.
pub const CHANNEL: &str = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>";

/// What a domain's firmware must not have, as libvirt's users write it.
pub const NO_SECURE_BOOT: &str = "<firmware><feature enabled='no' name='secure-boot'/></firmware>";

/// What a domain boots.
struct Os {
    /// The element's beginning.
    tag: &'static str,
    /// What is in it beside the machine.
    boot: String,
    memory_mib: u32,
}

/// A domain of our own. Its fields are dropped in this order, after it is destroyed.
#[derive(Debug)]
pub struct Domain {
    name: String,
    folder: PrivateFolder,
    _libvirt: Libvirt,
}

impl Domain {
    /// A domain on q35 with the image of the profile `nano`, whose agent libvirt has connected to.
    pub fn connected() -> Result<Self> {
        Self::with(&NANO, 1, "")
    }

    /// The same with the image of any profile, a number of processors, and more devices, as XML.
    pub fn with(profile: &Profile, processors: u32, devices: &str) -> Result<Self> {
        Self::on(Machine::named("q35")?, profile, processors, devices)
    }

    /// The same on any machine that libvirt knows by QEMU's name.
    pub fn on(machine: &Machine, profile: &Profile, processors: u32, devices: &str) -> Result<Self> {
        let domain = Self::without_start()?;
        let kernel = domain.folder.path().join("nanoqga");
        fs::copy(image(machine, profile)?, &kernel)?;
        let os = Os { tag: "<os>", boot: format!("<kernel>{}</kernel>", kernel.display()), memory_mib: 16 };
        domain.start(machine, &os, processors, devices, soon())
    }

    /// A domain that UEFI firmware of libvirt's choice boots from a disk, with the command line that is on that.
    pub fn from_disk(machine: &Machine, profile: &Profile, append: &str) -> Result<Self> {
        let domain = Self::without_start()?;
        let within = |name| domain.folder.path().join(name);
        boot_disk(machine, &image(machine, profile)?, append, Format::Qcow2, &within("disk"))?;
        let variables = within("variables");
        let boot = format!("{NO_SECURE_BOOT}<nvram>{}</nvram>", variables.display());
        let disk = format!(
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{}'/>\
             <target dev='vda' bus='virtio'/></disk>",
            within("disk").display()
        );
        let os = Os { tag: "<os firmware='efi'>", boot, memory_mib: 128 };
        // Firmware takes its time where it is emulated.
        domain.start(machine, &os, 1, &disk, Deadline::seconds(120))
    }

    fn without_start() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let libvirt = Libvirt::shared()?;
        let name = format!("nanoqga-test-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = PrivateFolder::new()?;
        // libvirt runs QEMU as a user of its own, and gives the image to that user: so it gets a copy, where it can go.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        Ok(Self { name, folder, _libvirt: libvirt })
    }

    fn start(self, machine: &Machine, os: &Os, processors: u32, devices: &str, deadline: Deadline) -> Result<Self> {
        let definition = self.folder.path().join("domain.xml");
        fs::write(&definition, self.xml(machine, os, processors, devices)?)?;
        virsh(&["create", &definition.to_string_lossy()])?;
        self.shows_before(deadline, &["dumpxml"], "state='connected'")?;
        Ok(self)
    }

    /// How virsh names it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A folder for what belongs to it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until a virsh command about this domain prints `text`.
    pub fn shows(&self, arguments: &[&str], text: &str) -> Result<()> {
        self.shows_before(soon(), arguments, text)
    }

    fn shows_before(&self, deadline: Deadline, arguments: &[&str], text: &str) -> Result<()> {
        let shown = deadline.poll_every(BETWEEN_LOOKS, &format!("`{text}` in virsh {}", arguments[0]), || {
            Ok(self.virsh(arguments)?.contains(text).then_some(()))
        });
        shown.map_err(|error| anyhow!("{error:#}{}", self.console()))
    }

    /// Runs a virsh command about this domain.
    pub fn virsh(&self, arguments: &[&str]) -> Result<String> {
        virsh(&self.about(arguments))
    }

    /// A virsh about this domain that nobody listens to.
    pub fn client(&self, arguments: &[&str]) -> Result<Child> {
        let mut virsh = virsh_command(&self.about(arguments))?;
        Ok(virsh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    }

    /// Shuts the guest down through the agent.
    ///
    /// libvirt kills QEMU as soon as the guest is down. If that comes before its own thread that waits for the agent has
    /// woken, virsh tells of the agent's end instead of success: what happened is for the domain's events to say.
    pub fn shut_down(&self) -> Result<()> {
        match self.virsh(&["shutdown", "--mode", "agent"]) {
            Err(error) if format!("{error:#}").contains("End of file from agent socket") => Ok(()),
            other => other.map(drop),
        }
    }

    /// Sends a request through `virsh qemu-agent-command`.
    pub fn agent(&self, request: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.virsh(&["qemu-agent-command", request])?)?)
    }

    /// Has libvirt write the guest's memory to a file of its own and end it, and start it from there.
    pub fn save_and_start(&self) -> Result<()> {
        // Only a domain that libvirt keeps the definition of may be saved so.
        let definition = self.folder.path().join("defined.xml");
        fs::write(&definition, self.virsh(&["dumpxml", "--inactive"])?)?;
        virsh(&["define", &definition.to_string_lossy()])?;
        let done = self.virsh(&["managedsave"]).and_then(|_| {
            self.shows(&["domstate"], "shut off")?;
            self.virsh(&["start"])
        });
        self.virsh(&["undefine", "--managed-save"])?;
        done?;
        self.shows(&["dumpxml"], "state='connected'")
    }

    /// The guest's time since 1970 in nanoseconds, as virsh shows it in whole seconds.
    pub fn time(&self) -> Result<i64> {
        let shown = self.virsh(&["domtime"])?;
        let seconds = shown.trim().strip_prefix("Time: ").with_context(|| format!("domtime shows {shown}"))?;
        Ok(seconds.parse::<i64>()? * SECOND)
    }

    /// Watches the domain's events.
    pub fn watch(&self) -> Result<Watch> {
        let printed = self.folder.path().join("events");
        let mut watch = Watch { virsh: self.event_printer(&printed)?, printed };
        // virsh does not say when it has begun to listen: it listens when it tells of a change that is made for that.
        let mut changes = 0;
        let told = soon().poll_every(BETWEEN_LOOKS, "a virsh that tells of events", || {
            // One that libvirtd has not let in ends at once.
            if watch.virsh.try_wait()?.is_some() {
                watch.virsh = self.event_printer(&watch.printed)?;
            }
            changes += 1;
            self.virsh(&["desc", "--live", "--new-desc", &format!("watched {changes}")])?;
            watch.told("metadata-change")
        });
        told.with_context(|| format!("virsh printed: {}", fs::read_to_string(&watch.printed).unwrap_or_default()))?;
        Ok(watch)
    }

    /// Has a virsh print the domain's events into a file.
    fn event_printer(&self, printed: &Path) -> Result<Child> {
        // Line by line, though it prints into a file.
        let mut command = Command::new("stdbuf");
        command.arg("-oL");
        add_virsh(&mut command)?;
        command.args(["event", "--all", "--loop", "--domain", &self.name]);
        let file = File::create(printed)?;
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Ok(command.spawn()?)
    }

    /// Waits until libvirt has forgotten the domain, which ended by itself.
    pub fn gone(&self, deadline: Deadline) -> Result<()> {
        deadline.poll_every(BETWEEN_LOOKS, "the end of the domain", || {
            let names = virsh(&["list", "--all", "--name"])?;
            Ok((!names.lines().any(|name| name == self.name)).then_some(()))
        })
    }

    /// The command first, then the domain it is about, then the rest.
    fn about<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let (command, rest) = arguments.split_at(1);
        [command, &[self.name.as_str()], rest].concat()
    }

    fn console(&self) -> String {
        let log = fs::read(self.folder.path().join("console.log")).unwrap_or_default();
        format!("\nThe guest's console has:\n{}", String::from_utf8_lossy(&log))
    }

    fn xml(&self, machine: &Machine, os: &Os, processors: u32, devices: &str) -> Result<String> {
        let Self { name, folder, .. } = self;
        let folder = folder.path().display();
        let Os { tag, boot, memory_mib } = os;
        let (arch, kind) = (machine.architecture(), machine.qemu_machine);
        // Elsewhere libvirt has ACPI only with UEFI, and knows no sleep.
        let of_pcs = match arch {
            "x86_64" => "<features><acpi/></features><pm><suspend-to-mem enabled='yes'/></pm>",
            _ => "",
        };
        let cpu = machine.cpu.map_or(String::new(), |cpu| format!("<cpu mode='custom'><model>{cpu}</model></cpu>"));
        let emulator = find(machine.qemu).context("QEMU is not installed; `cargo xtask setup` does that")?;
        let emulator = emulator.display();
        Ok(format!(
            "<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>{memory_mib}</memory>
  <vcpu>{processors}</vcpu>
  {tag}
    <type arch='{arch}' machine='{kind}'>hvm</type>
    {boot}
  </os>
  {of_pcs}
  {cpu}
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>{emulator}</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    <serial type='file'><source path='{folder}/console.log'/></serial>
    {CHANNEL}
    {devices}
  </devices>
</domain>
"
        ))
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // Fails only when the domain has ended by itself.
        let _ = virsh(&["destroy", &self.name]);
    }
}

/// A virsh that tells of events.
#[derive(Debug)]
pub struct Watch {
    virsh: Child,
    printed: PathBuf,
}

impl Watch {
    /// Waits for the first event of that name since the watch began; returns what virsh prints of it.
    pub fn event(&self, name: &str) -> Result<String> {
        soon().poll(&format!("the event '{name}'"), || self.told(name))
    }

    /// What virsh has printed of the first event of that name, if it has come.
    fn told(&self, name: &str) -> Result<Option<String>> {
        let printed = fs::read_to_string(&self.printed)?;
        let mut lines = printed.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        Ok(lines.find(|line| line.contains(&format!("event '{name}'"))).map(String::from))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Fails only when virsh has ended by itself.
        let _ = self.virsh.kill();
        let _ = self.virsh.wait();
    }
}
