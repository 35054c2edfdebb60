//! The page of each kernel shows its compiled source.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Every `.c`, `.rs`, `.toml` and `.x` file of a folder, without what is built.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|kind| ["c", "rs", "toml", "x"].iter().any(|known| kind == *known)) {
            found.push(path);
        }
    }
    Ok(found)
}

/// The lines of a text without the spaces before them, each on its own.
fn plain(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The blocks of code in a page that are of a language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let begin = format!("```{language}\n");
    let mut rest = page;
    let mut found = Vec::new();
    while let Some((_, after)) = rest.split_once(&begin) {
        let (block, after) = after.split_once("```").unwrap_or((after, ""));
        found.push(block);
        rest = after;
    }
    found
}

#[test]
fn each_snippet_stands_in_a_source_file() -> Result<()> {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets/kernels");
    for kernel in kernels.read_dir()? {
        let kernel = kernel?.path();
        let Ok(page) = fs::read_to_string(kernel.join("README.md")) else { continue };
        let texts: Vec<_> = sources(&kernel)?.into_iter().map(fs::read_to_string).collect::<Result<_, _>>()?;
        let texts: Vec<_> = texts.iter().map(|text| plain(text)).collect();
        let snippets: Vec<_> = ["c", "rust", "toml"].into_iter().flat_map(|language| blocks(&page, language)).collect();
        // One that does not exist yet has a page that says so.
        let exists = kernel.join("src").exists() || kernel.join("main.c").exists();
        ensure!(!exists || !snippets.is_empty(), "the page of {} shows no source", kernel.display());
        for snippet in snippets {
            let wanted = plain(snippet);
            let there = texts.iter().any(|text| text.contains(&wanted));
            ensure!(there, "the page of {} shows what is in no source file:\n{snippet}", kernel.display());
        }
    }
    Ok(())
}

/// How many lines of a source file are neither empty nor comments.
fn lines_of_code(source: &Path) -> Result<usize> {
    let text = fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count())
}

/// The first cell of a row names files of `src`, the last one has as many numbers.
#[test]
fn the_lines_of_code_are_counted_right() -> Result<()> {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets/kernels");
    for kernel in kernels.read_dir()? {
        let source = kernel?.path().join("src");
        let Ok(page) = fs::read_to_string(source.with_file_name("README.md")) else { continue };
        let tables = page.split("| lines of code |\n").skip(1);
        let rows = tables.flat_map(|table| table.lines().skip(1).take_while(|line| line.starts_with('|')));
        let mut counted = 0;
        for row in rows {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let (files, counts) = (cells[0].split(", "), cells[cells.len() - 1].split(", "));
            ensure!(files.clone().count() == counts.clone().count(), "{row} has not a number for each file");
            for (file, count) in files.zip(counts) {
                let file = source.join(file.trim_matches('`').trim_start_matches("src/"));
                let lines = lines_of_code(&file)?;
                ensure!(
                    count == lines.to_string(),
                    "{} has {lines} lines of code, its page says {count}",
                    file.display()
                );
                counted += 1;
            }
        }
        ensure!(counted > 0 || !source.exists(), "no lines of {} are counted", source.display());
    }
    Ok(())
}

#[test]
fn each_kernel_has_a_page() -> Result<()> {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets/kernels");
    for kernel in kernels.read_dir()? {
        let kernel = kernel?.path();
        // The page of that one is the README of `machine`.
        if !kernel.ends_with("machine-only") {
            fs::metadata(kernel.join("README.md")).with_context(|| format!("{} has no page", kernel.display()))?;
        }
    }
    Ok(())
}

/// A reader who has only the page can write the whole kernel.
#[test]
fn the_page_of_bootloader_shows_all_of_its_files() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets/kernels/bootloader");
    let page = fs::read_to_string(folder.join("README.md"))?;
    let named = ["Cargo.toml", "rust-toolchain.toml", "image/Cargo.toml", "image/src/main.rs"];
    let mut files = named.map(|file| folder.join(file)).to_vec();
    for entry in folder.join("src").read_dir()? {
        files.push(entry?.path());
    }
    for file in files {
        let text = fs::read_to_string(&file)?;
        ensure!(page.contains(&format!("\n{text}```\n")), "the page of bootloader does not show {}", file.display());
    }
    Ok(())
}
