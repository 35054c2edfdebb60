//! A program, and the loader that it needs where it is not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::process::output;

const QUESTION: Duration = Duration::from_secs(60);

/// A program that can be run.
#[derive(Clone, Debug)]
pub struct Executable {
    program: PathBuf,
    /// Nothing where the program itself says where its loader is.
    loader: Option<Loader>,
    /// What runs it, if this machine's processor does not.
    emulator: Option<PathBuf>,
}

#[derive(Clone, Debug)]
struct Loader {
    file: PathBuf,
    libraries: PathBuf,
}

impl Executable {
    /// A program that runs on this machine as it is.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), loader: None, emulator: None }
    }

    /// A program for a dynamic loader, and the folder of its shared libraries.
    pub fn with_loader(program: PathBuf, loader: PathBuf, libraries: PathBuf) -> Self {
        Self { program, loader: Some(Loader { file: loader, libraries }), emulator: None }
    }

    /// A static program of another architecture, and a program that runs it here.
    pub fn with_emulator(program: PathBuf, emulator: PathBuf) -> Self {
        Self { program, loader: None, emulator: Some(emulator) }
    }

    /// The file.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs it; arguments can be added.
    pub fn command(&self) -> Command {
        let Some(loader) = &self.loader else {
            let Some(emulator) = &self.emulator else { return Command::new(&self.program) };
            let mut command = Command::new(emulator);
            command.arg(&self.program);
            return command;
        };
        let mut command = Command::new(&loader.file);
        command.arg("--library-path").arg(&loader.libraries).arg(&self.program);
        command
    }

    /// Its shared libraries and their loader.
    ///
    /// # Errors
    /// When a library is missing, or it has none.
    pub fn libraries(&self) -> Result<Vec<PathBuf>> {
        let mut list = match &self.loader {
            None => Command::new("ldd"),
            Some(loader) => {
                let mut list = Command::new(&loader.file);
                list.arg("--library-path").arg(&loader.libraries).arg("--list");
                list
            }
        };
        let listed = output(list.arg(&self.program), QUESTION)?;
        // `name => file (address)`, or `file (address)` for the loader.
        let file = |line: &str| {
            let file = line.split_once(" => ").map_or(line, |(_, file)| file).trim();
            file.starts_with('/').then(|| PathBuf::from(file.split(" (").next().unwrap_or(file)))
        };
        let files: Vec<_> = listed.lines().filter_map(file).collect();
        ensure!(!files.is_empty(), "{} has no shared library: {listed}", self.program.display());
        Ok(files)
    }

    /// Copies it into a folder as `name`, with its loader and libraries where they are not installed.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn copied_to(&self, folder: &Path, name: &str) -> Result<Self> {
        let copy = |file: &Path, name: &Path| -> Result<PathBuf> {
            let copy = folder.join(name);
            fs::copy(file, &copy).with_context(|| format!("cannot copy {}", file.display()))?;
            Ok(copy)
        };
        let program = copy(&self.program, Path::new(name))?;
        let Some(loader) = &self.loader else { return Ok(Self { program, ..self.clone() }) };
        for library in self.libraries()? {
            copy(&library, Path::new(library.file_name().unwrap_or_default()))?;
        }
        let file = copy(&loader.file, Path::new(loader.file.file_name().unwrap_or_default()))?;
        Ok(Self::with_loader(program, file, folder.to_owned()))
    }
}
