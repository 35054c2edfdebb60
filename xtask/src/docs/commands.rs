//! The page of all commands.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};

use super::source::{self, Command, Lists};
use crate::workspace;

/// Families of the engine, in the page's order: the file's name, and what they are about.
const FAMILIES: [(&str, &str); 17] = [
    ("sync", "In step"),
    ("info", "The agent"),
    ("os", "The operating system"),
    ("time", "Time"),
    ("power", "Shutdown"),
    ("suspend", "Suspend"),
    ("network", "Network"),
    ("filesystem", "File systems"),
    ("fsfreeze", "Freeze and thaw"),
    ("disk", "Disks"),
    ("file", "Files"),
    ("exec", "Programs"),
    ("user", "Users"),
    ("ssh", "SSH keys"),
    ("cpu", "Processors"),
    ("memory", "Memory"),
    ("device", "Devices"),
];

/// The appliance's own commands.
const OWN: [&str; 3] = [
    "targets/appliance/src/families/log.rs",
    "targets/appliance/src/families/config.rs",
    "targets/appliance/src/families/network.rs",
];

/// The guests of this project, and the files that list what they answer.
const GUESTS: [(&str, &[&str]); 3] = [
    ("nano", &["targets/appliance/src/nano.rs"]),
    ("appliance", &["targets/appliance/src/serve.rs", OWN[0], OWN[1], OWN[2]]),
    ("agent for Linux", &["targets/linux/src/guest/mod.rs"]),
];

const BEGINNING: &str = "\
# Commands

<!-- Written by `cargo xtask docs` from the sources. -->

A request is an object with the command's name and its arguments, as in

```json
{\"execute\": \"guest-file-read\", \"arguments\": {\"handle\": 1000, \"count\": 512}}
```

and its reply one line: `{\"return\": ...}`, or `{\"error\": {\"class\": \"GenericError\", \"desc\": \"...\"}}`. A member `id` of any value comes
back with it. A command without a word of what it returns returns `{}`. An argument that is not listed, or has another type, is an error for every
command, and so is a command that the guest does not have (`CommandNotFound`) or that was switched off. nano has no network interfaces, file systems
and users, and says so by empty lists. A kernel answers what it links: [embedding.md](embedding.md). The commands of a kernel's own
tests are in [test-protocol.md](test-protocol.md).
";

/// The whole page.
pub(super) fn page() -> Result<String> {
    let guests = GUESTS.map(|(name, files)| Guest::read(name, files)).into_iter().collect::<Result<Vec<_>>>()?;
    let mut page = String::from(BEGINNING);
    let mut count = 0;
    for (family, about) in FAMILIES {
        write!(page, "\n## {about}\n")?;
        for command in commands(&format!("agent-core/src/commands/{family}.rs"))? {
            let answers = |guest: &&Guest| guest.answers(&command, family);
            section(&mut page, &command, guests.iter().filter(answers))?;
            count += 1;
        }
    }
    write!(page, "\n## The appliance's own\n")?;
    for command in OWN.map(commands).into_iter().collect::<Result<Vec<_>>>()?.concat() {
        section(&mut page, &command, guests.iter().filter(|guest| guest.lists.names.contains(&command.name)))?;
    }
    ensure!(count == 44, "{count} commands of QEMU's agent were found, and there are 44");
    Ok(page)
}

fn section<'g>(page: &mut String, command: &Command, guests: impl Iterator<Item = &'g Guest>) -> Result<()> {
    let guests: Vec<_> = guests.map(|guest| guest.name).collect();
    let answered = match guests.as_slice() {
        [] => "Answered by kernels that link it.".into(),
        guests => format!("Answered by: {}.", guests.join(", ")),
    };
    write!(page, "\n### {}\n\n{}\n\n{answered}\n", command.name, command.text.join("\n"))?;
    Ok(())
}

fn commands(file: &str) -> Result<Vec<Command>> {
    source::commands(&read(file)?).with_context(|| format!("cannot read the commands of {file}"))
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(workspace::path(file)).with_context(|| format!("cannot read {file}"))
}

/// What a guest answers.
struct Guest {
    name: &'static str,
    lists: Lists,
}

impl Guest {
    fn read(name: &'static str, files: &[&str]) -> Result<Self> {
        let mut lists = Lists::default();
        for file in files {
            lists.add(&read(file)?)?;
        }
        Ok(Self { name, lists })
    }

    fn answers(&self, command: &Command, family: &str) -> bool {
        let table = command.table.iter().map(|table| (family.to_owned(), table.clone()));
        self.lists.names.contains(&command.name) || table.into_iter().any(|table| self.lists.tables.contains(&table))
    }
}
