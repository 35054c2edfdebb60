//! The kit's page shows what the example has, and what is printed there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The blocks of the page that begin so are parts of these files.
const SHOWN: [(&str, &str); 3] = [
    ("```rust,ignore\n", "kernel/tests/kernel/memory.rs"),
    ("```toml\n", "kernel/.cargo/config.toml"),
    ("```rust,no_run\n", "ktest/tests/kernel.rs"),
];

#[test]
fn its_blocks_are_in_the_examples_files() -> Result<()> {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("kit");
    let page = fs::read_to_string(kit.join("README.md"))?;
    for (beginning, file) in SHOWN {
        let (_, rest) = page.split_once(beginning).with_context(|| format!("there is no {beginning}"))?;
        let (block, _) = rest.split_once("```").context("a block ends")?;
        let text = fs::read_to_string(kit.join("examples/new-kernel").join(file))?;
        for part in block.split("\n\n") {
            ensure!(text.contains(part.trim_end()), "{file} has no\n{part}");
        }
    }
    Ok(())
}
