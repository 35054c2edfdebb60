//! The header of the library for C, made from its sources.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::library::FOLDER;
use crate::workspace;

/// The header's version macros. xtask has the version of the library: the workspace's.
const VERSION: &str = concat!(
    "\n// The version of this header and its library, after Semantic Versioning.\n",
    concat!("#define NANOQGA_VERSION_MAJOR ", env!("CARGO_PKG_VERSION_MAJOR"), "\n"),
    concat!("#define NANOQGA_VERSION_MINOR ", env!("CARGO_PKG_VERSION_MINOR"), "\n"),
    concat!("#define NANOQGA_VERSION_PATCH ", env!("CARGO_PKG_VERSION_PATCH"), "\n"),
    concat!("#define NANOQGA_VERSION_STRING \"", env!("CARGO_PKG_VERSION"), "\"\n"),
    "// To compare with: `#if NANOQGA_VERSION >= NANOQGA_VERSION_OF(0, 2, 0)`.\n",
    "#define NANOQGA_VERSION_OF(major, minor, patch) (((major) << 16) | ((minor) << 8) | (patch))\n",
    "#define NANOQGA_VERSION \\\n",
    "    NANOQGA_VERSION_OF(NANOQGA_VERSION_MAJOR, NANOQGA_VERSION_MINOR, NANOQGA_VERSION_PATCH)\n",
);

/// Where the header is.
pub(crate) fn header_path() -> PathBuf {
    workspace::path(FOLDER).join("nanoqga.h")
}

/// The header as it should be.
///
/// # Errors
/// When the library's sources cannot be read.
pub(super) fn header() -> Result<String> {
    let folder = workspace::path(FOLDER);
    let config = folder.join("cbindgen.toml");
    let config =
        cbindgen::Config::from_file(&config).map_err(|error| anyhow::anyhow!("{}: {error}", config.display()))?;
    // In the order in which they are read in the header.
    let sources = ["agent", "status", "own", "guest", "callbacks/mod", "families/mod"];
    let sources = sources.map(|source| folder.join(format!("src/{source}.rs")));
    let builder = sources.iter().fold(cbindgen::Builder::new(), |builder, source| builder.with_src(source));
    let mut header = Vec::new();
    let config =
        cbindgen::Config { after_includes: config.after_includes.map(|text| VERSION.to_string() + &text), ..config };
    builder.with_config(config).generate().context("cbindgen cannot make the header")?.write(&mut header);
    Ok(String::from_utf8(header)?)
}

/// The names of the functions in a header: what stands before a bracket, in lines that begin with what is returned.
pub(super) fn functions(header: &str) -> impl Iterator<Item = &str> {
    let lines = header.lines().filter(|line| line.starts_with("enum ") || line.starts_with("const char *"));
    lines.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_in_the_header() {
        let header = header().unwrap();
        let functions: Vec<_> = functions(&header).collect();
        assert!(functions.contains(&"nanoqga_init") && functions.contains(&"nanoqga_status_text"), "{functions:?}");
        assert!(functions.contains(&"nanoqga_add_command") && functions.len() == 23, "{functions:?}");
    }
}
