//! Recipes by which other distributions build their packages, and the archive that they start from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::{output, run};

use super::{TOOL, VERSION, install, pack};
use crate::workspace;

/// Folders of packaging/, and where the archive goes in each.
const RECIPES: [(&str, Option<&str>); 4] =
    [("alpine", Some("alpine")), ("buildroot", Some("buildroot")), ("openwrt", None), ("container", None)];

/// Files with places to fill in.
const TEMPLATES: [&str; 3] = ["alpine/APKBUILD", "buildroot/nanoqga/nanoqga.mk", "openwrt/nanoqga/Makefile"];

/// Writes the archive of `programs` and the recipes to a folder.
///
/// # Errors
/// When a file cannot be written, or tar fails.
pub(super) fn write(programs: &[PathBuf], date: &str, folder: &Path) -> Result<()> {
    let staging = PrivateFolder::new()?;
    let name = format!("nanoqga-{VERSION}");
    let tree = staging.path().join(&name);
    fs::create_dir(&tree)?;
    for program in programs {
        let file = program.file_name().context("a program has a name")?.to_string_lossy();
        install(program, &tree, &file, 0o755)?;
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        install(&workspace::path(licence), &tree, licence, 0o644)?;
    }
    copy(&workspace::path("packaging"), &tree)?;
    run(Command::new("chmod").args(["--recursive", "u=rwX,go=rX"]).arg(&tree), TOOL)?;
    let file = format!("{name}.tar.gz");
    let archive = folder.join(&file);
    pack(staging.path(), &name, date, &archive)?;
    for (recipe, place) in RECIPES {
        copy(&workspace::path("packaging").join(recipe), folder)?;
        if let Some(place) = place {
            fs::copy(&archive, folder.join(place).join(&file))?;
        }
    }
    let sum = |program: &str| -> Result<String> {
        let line = output(Command::new(program).arg(&archive), TOOL)?;
        line.split_whitespace().next().map(String::from).with_context(|| format!("{program} printed no sum"))
    };
    let (sha256, sha512) = (sum("sha256sum")?, sum("sha512sum")?);
    for template in TEMPLATES {
        let path = folder.join(template);
        let text = fs::read_to_string(&path)?;
        let text = text
            .replace("SHA256SUM", &sha256)
            .replace("SHA512SUM", &sha512)
            .replace("=VERSION", &format!("={VERSION}"));
        fs::write(
            &path,
            text.replace("= VERSION", &format!("= {VERSION}")).replace("-VERSION", &format!("-{VERSION}")),
        )?;
    }
    Ok(())
}

/// Copies a folder into another one.
fn copy(from: &Path, to: &Path) -> Result<()> {
    run(Command::new("cp").arg("--recursive").arg(from).arg(to), TOOL)
}
