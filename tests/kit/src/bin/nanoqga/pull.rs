//! `nanoqga pull`

use std::fs::File;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nanoqga_testkit::files::pull;

use crate::bar::Bar;
use crate::status::Status;
use crate::target::Target;

/// Copy a file out of the guest
///
/// The file here is made or replaced. If the copy fails, what was read stays in it, and the message names it. No agent says
/// how long a file is before its end: one that never ends, such as /dev/zero, is copied until --timeout has passed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file in the guest
    source: String,
    /// The file or folder here; `-` is stdout
    #[arg(value_name = "DST")]
    target: PathBuf,
}

pub(crate) fn main(target: &Target, json: bool, args: &Args) -> Result<Status> {
    let to_stdout = args.target.as_os_str() == "-";
    let mut agent = target.agent()?;
    let path = destination(&args.source, &args.target)?;
    let (mut file, mut out);
    let writer: &mut dyn Write = if to_stdout {
        out = stdout().lock();
        &mut out
    } else {
        file = LateFile { path: &path, file: None };
        &mut file
    };
    let bar = Bar::new(None)?;
    let copied = pull(&mut agent, &args.source, writer, &mut |bytes| bar.at(bytes));
    let bytes = copied.with_context(|| match to_stdout {
        true => "what was printed is incomplete".into(),
        false => format!("{} is missing or incomplete", path.display()),
    })?;
    if !to_stdout && bytes == 0 {
        File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let result = bar.finish(bytes, json);
    if json && !to_stdout {
        writeln!(stdout(), "{result}")?;
    } else {
        eprintln!("{result}");
    }
    Ok(Status::Done)
}

/// Where the file comes to lie.
fn destination(source: &str, target: &Path) -> Result<PathBuf> {
    if !target.is_dir() {
        return Ok(target.into());
    }
    // Guests of Windows have other separators.
    let name = source.rsplit(['/', '\\']).next().filter(|name| !matches!(*name, "" | "." | ".."));
    let name = name.with_context(|| format!("{} is a folder, and '{source}' names no file in it", target.display()))?;
    Ok(target.join(name))
}

/// A file that is made, or emptied, when there is something to write to it: a guest that has no such file leaves ours alone.
struct LateFile<'a> {
    path: &'a Path,
    file: Option<File>,
}

impl Write for LateFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.file.is_none() {
            self.file = Some(File::create(self.path)?);
        }
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gets_a_file_of_the_same_name() {
        assert_eq!(destination("/etc/os-release", Path::new("/")).unwrap(), Path::new("/os-release"));
        assert_eq!(destination(r"C:\a\b", Path::new("/")).unwrap(), Path::new("/b"));
        assert_eq!(destination("/etc/os-release", Path::new("/no/folder")).unwrap(), Path::new("/no/folder"));
        assert!(destination("/etc/..", Path::new("/")).is_err());
    }
}
