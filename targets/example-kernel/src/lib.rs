//! A kernel with an agent in it.
//!
//! [`agent`] is all the glue, and docs/embedding.md shows it word for word. What every kernel has besides is in `main.rs`, and is
//! that of nanoqga's own image: boot code, memory for devices, a way to them, interrupts, a way to switch the machine off.
#![no_std]

/// The glue. It begins, as on that page, without a word of its own.
pub mod agent;

/// The guide's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
struct Guide;

#[cfg(test)]
mod tests {
    #[test]
    fn the_guide_shows_the_glue_that_is_tested() {
        let shown = concat!("```rust\n", include_str!("agent.rs"), "```\n");
        assert!(include_str!("../../../docs/embedding.md").contains(shown));
    }

    #[test]
    fn the_readme_is_one_screen() {
        let readme = include_str!("../../../README.md");
        assert!(readme.lines().count() <= 120 && readme.len() <= 8 << 10);
    }

    #[test]
    fn the_glue_is_at_most_forty_five_lines_of_code() {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        assert!(include_str!("agent.rs").lines().filter(is_code).count() <= 45);
    }
}
