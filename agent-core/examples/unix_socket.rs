//! An agent behind a unix socket, with files in memory: what `qemu-ga -m unix-listen` is on Linux.
//!
//! ```sh
//! cargo run -q -p nanoqga --example unix_socket /tmp/agent.sock &
//! echo '{"execute": "guest-file-open", "arguments": {"path": "/motd"}}' | socat - /tmp/agent.sock
//! ```

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixListener;

use embedded_io_adapters::std::FromStd;
use nanoqga::commands::file::{self, Access, Files, OpenMode};
use nanoqga::commands::{info, sync};
use nanoqga::{Agent, Buffers, Cause, CommandSet, Failure, Text};

/// Files by path, and those that are open.
#[derive(Debug, Default)]
pub struct Guest {
    files: BTreeMap<String, Vec<u8>>,
    open: BTreeMap<i64, Open>,
    last_handle: i64,
}

#[derive(Debug)]
struct Open {
    path: String,
    position: usize,
    mode: OpenMode,
}

impl Guest {
    /// The open file, and what is in it.
    fn file(&mut self, handle: i64) -> Result<(&mut Open, &mut Vec<u8>), Failure> {
        let open = self.open.get_mut(&handle).ok_or(Failure("Bad file descriptor"))?;
        let content = self.files.get_mut(&open.path).ok_or(Failure("No such file or directory"))?;
        Ok((open, content))
    }
}

impl info::Identity for Guest {
    fn version(&self) -> &str {
        "1.0.0"
    }
}

impl Files for Guest {
    fn open(&mut self, path: Text<'_>, mode: OpenMode, _: &mut Cause) -> Result<i64, Failure> {
        let path = path.to_string();
        if mode.access == Access::Read && !self.files.contains_key(&path) {
            return Err(Failure("No such file or directory"));
        }
        let content = self.files.entry(path.clone()).or_default();
        if mode.access == Access::Write {
            content.clear();
        }
        self.last_handle += 1;
        self.open.insert(self.last_handle, Open { path, position: 0, mode });
        Ok(self.last_handle)
    }

    fn is_open(&mut self, handle: i64) -> bool {
        self.open.contains_key(&handle)
    }

    fn close(&mut self, handle: i64) -> Result<(), Failure> {
        self.open.remove(&handle).map(|_| ()).ok_or(Failure("Bad file descriptor"))
    }

    fn read(&mut self, handle: i64, into: &mut [u8]) -> Result<usize, Failure> {
        let (open, content) = self.file(handle)?;
        if open.mode.access != Access::Read && !open.mode.update {
            return Err(Failure("failed to read file: Bad file descriptor"));
        }
        let rest = content.get(open.position..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        open.position += count;
        Ok(count)
    }

    fn write(&mut self, handle: i64, bytes: &[u8]) -> Result<usize, Failure> {
        let (open, content) = self.file(handle)?;
        if open.mode.access == Access::Read && !open.mode.update {
            return Err(Failure("failed to write to file: Bad file descriptor"));
        }
        if open.mode.access == Access::Append {
            open.position = content.len();
        }
        let end = open.position + bytes.len();
        content.resize(content.len().max(end), 0);
        content[open.position..end].copy_from_slice(bytes);
        open.position = end;
        Ok(bytes.len())
    }

    fn seek(&mut self, handle: i64, to: file::SeekFrom) -> Result<u64, Failure> {
        let (open, content) = self.file(handle)?;
        let position = match to {
            file::SeekFrom::Start(offset) => usize::try_from(offset).ok(),
            file::SeekFrom::Current(offset) => open.position.checked_add_signed(offset as isize),
            file::SeekFrom::End(offset) => content.len().checked_add_signed(offset as isize),
        };
        // A file of more than a gibibyte is not for memory.
        let position = position.filter(|position| *position <= 1 << 30);
        open.position = position.ok_or(Failure("failed to seek file: Invalid argument"))?;
        Ok(open.position as u64)
    }

    fn flush(&mut self, _: i64) -> Result<(), Failure> {
        Ok(())
    }
}

static COMMANDS: CommandSet<Guest> = CommandSet::new(&[sync::commands(), info::commands(), file::commands()]);

/// Serves `hosts` hosts at `listener`, one after the other.
pub fn serve(listener: &UnixListener, guest: &mut Guest, hosts: usize) -> io::Result<()> {
    // Hosts send files in lines of up to 88 KiB.
    let mut buffers: Box<Buffers<{ 128 << 10 }, 1024>> = Box::default();
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    for stream in listener.incoming().take(hosts) {
        let mut channel = FromStd::new(stream?);
        serve_host(&mut agent, guest, &mut channel)?;
    }
    Ok(())
}

/// Serves a host until it hangs up.
fn serve_host(
    agent: &mut Agent<'_, Guest>,
    guest: &mut Guest,
    channel: &mut (impl embedded_io::Read<Error = io::Error> + embedded_io::Write<Error = io::Error>),
) -> io::Result<()> {
    let (mut bytes, mut room) = ([0; 4096], [0; 4096]);
    loop {
        let count = channel.read(&mut bytes)?;
        if count == 0 {
            agent.reset();
            return Ok(());
        }
        nanoqga::serve::answer(agent, guest, &bytes[..count], &mut room, |reply| {
            embedded_io::Write::write_all(channel, reply)
        })?;
    }
}

/// A guest with a file to read.
pub fn guest() -> Guest {
    let files = [("/motd".to_owned(), b"hello, host\n".to_vec())];
    Guest { files: files.into(), ..Guest::default() }
}

fn main() -> io::Result<()> {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: unix_socket PATH\n\nServes the agent on a unix socket at PATH, which must not exist yet.");
        std::process::exit(2);
    };
    serve(&UnixListener::bind(path)?, &mut guest(), usize::MAX)
}
