//! `nanoqga push`

use std::fs::File;
use std::io::{Read, Write, stdin, stdout};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::files::push;

use crate::bar::Bar;
use crate::status::Status;
use crate::target::Target;

/// Copy a file into the guest
///
/// The guest's file is made or replaced; its owner and mode are the agent's choice. If the copy fails, what was written of it
/// stays in the guest, and the message names it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file here; `-` is stdin
    source: String,
    /// The file in the guest; one that ends with `/` is a folder
    #[arg(value_name = "DST")]
    target: String,
}

pub(crate) fn main(target: &Target, json: bool, args: &Args) -> Result<Status> {
    let (mut source, length): (Box<dyn Read>, _) = if args.source == "-" {
        (Box::new(stdin()), None)
    } else {
        let file = File::open(&args.source).with_context(|| format!("cannot open {}", args.source))?;
        let facts = file.metadata()?;
        ensure!(!facts.is_dir(), "{} is a folder; push takes one file", args.source);
        (Box::new(file), facts.is_file().then_some(facts.len()))
    };
    let path = destination(&args.source, &args.target)?;
    let mut agent = target.agent()?;
    let bar = Bar::new(length)?;
    let bytes = push(&mut agent, &mut source, &path, &mut |bytes| bar.at(bytes))?;
    let result = bar.finish(bytes, json);
    if json {
        writeln!(stdout(), "{result}")?;
    } else {
        eprintln!("{result}");
    }
    Ok(Status::Done)
}

/// Where the file comes to lie.
fn destination(source: &str, target: &str) -> Result<String> {
    if !target.ends_with('/') {
        return Ok(target.into());
    }
    let name = Path::new(source).file_name().filter(|_| source != "-");
    let name = name.with_context(|| format!("{target} is a folder, and '{source}' has no name for a file in it"))?;
    Ok(format!("{target}{}", name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gets_a_file_of_the_same_name() {
        assert_eq!(destination("a/b", "/tmp/").unwrap(), "/tmp/b");
        assert_eq!(destination("a/b", "/tmp/c").unwrap(), "/tmp/c");
        assert!(destination("-", "/tmp/").is_err());
    }
}
