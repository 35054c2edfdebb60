//! What the pages link to, and the files that they name, exist; the book can show their code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// Folders whose pages are not the project's own, and some that no clone has.
const PASSED_BY: [&str; 5] = ["target", ".git", "artifacts", "corpus", "node_modules"];

/// The languages of code on the pages. The script that colours code in the book reports any other one as an error.
const LANGUAGES: [&str; 11] = ["", "c", "ini", "json", "makefile", "python", "rust", "sh", "text", "toml", "xml"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in folder.read_dir()? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() && !PASSED_BY.iter().any(|passed| name == *passed) {
            pages(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(())
}

/// What a page leads to, and what leads into it.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    /// The languages of its code.
    languages: Vec<String>,
    /// What stands between backticks in its text.
    quoted: Vec<String>,
    /// The names of its headings, as in addresses.
    headings: BTreeSet<String>,
}

impl Page {
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading = None::<String>;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.headings.extend(heading.take().map(|text| address(&text)));
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(words))) => {
                    page.languages.extend(words.split(',').next().map(String::from));
                }
                Event::Text(text) => heading.iter_mut().for_each(|heading| heading.push_str(&text)),
                Event::Code(text) => match &mut heading {
                    Some(heading) => heading.push_str(&text),
                    None => page.quoted.push(text.into_string()),
                },
                _ => {}
            }
        }
        page
    }
}

/// A heading's name in an address, as GitHub and mdBook make it.
fn address(heading: &str) -> String {
    let kept = heading.chars().filter(|character| character.is_alphanumeric() || " -_".contains(*character));
    kept.flat_map(char::to_lowercase).map(|character| if character == ' ' { '-' } else { character }).collect()
}

/// Why a link of `page`, which lies in `folder`, leads nowhere.
fn broken(link: &str, page: &Page, folder: &Path) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let path = folder.join(file);
    if !path.exists() {
        return Some("there is no such file");
    }
    let has = |page: &Page| heading.is_empty() || page.headings.contains(heading);
    let is_there = match file.ends_with(".md") {
        _ if file.is_empty() => has(page),
        true => fs::read_to_string(path).is_ok_and(|text| has(&Page::read(&text))),
        // A line of a source file, or nothing.
        false => true,
    };
    (!is_there).then_some("that page has no such heading")
}

/// Whether quoted text is a path within the repository: one of its folders, and what is in it.
fn is_path(quoted: &str, folders: &BTreeSet<String>) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    let (folder, rest) = quoted.split_once('/').unwrap_or_default();
    // `target/` is made by builds. Capitals stand for a name.
    folders.contains(folder) && !rest.is_empty() && quoted.chars().all(is_plain) && !rest.contains("NAME")
}

#[test]
fn each_link_leads_somewhere_and_each_file_that_is_named_exists() -> Result<()> {
    let root = root();
    let mut files = Vec::new();
    pages(&root, &mut files)?;
    let entries = root.read_dir()?.flatten().filter(|entry| entry.path().is_dir());
    let mut folders: BTreeSet<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    folders.remove("target");
    let (mut complaints, mut seen) = (Vec::new(), 0);
    for file in &files {
        let page = Page::read(&fs::read_to_string(file)?);
        let name = file.strip_prefix(&root)?.display();
        let folder = file.parent().unwrap_or(&root);
        for link in &page.links {
            complaints.extend(broken(link, &page, folder).map(|why| format!("{name}: {link}: {why}")));
        }
        // What has changed names what was.
        for quoted in page.quoted.iter().filter(|quoted| !file.ends_with("CHANGELOG.md") && is_path(quoted, &folders)) {
            let exists = root.join(quoted).exists() || folder.join(quoted).exists();
            complaints.extend((!exists).then(|| format!("{name}: `{quoted}`: there is no such file")));
            seen += 1;
        }
        seen += page.links.len();
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(seen > 100, "only {seen} links and files were found");
    Ok(())
}

#[test]
fn code_is_in_languages_that_the_book_knows() -> Result<()> {
    let root = root();
    let mut files = Vec::new();
    pages(&root, &mut files)?;
    let mut unknown = Vec::new();
    for file in &files {
        let page = Page::read(&fs::read_to_string(file)?);
        let name = file.strip_prefix(&root)?.display();
        let others = page.languages.iter().filter(|language| !LANGUAGES.contains(&language.as_str()));
        unknown.extend(others.map(|language| format!("{name}: {language:?}")));
    }
    assert!(unknown.is_empty(), "code must have one of {LANGUAGES:?}:\n{}", unknown.join("\n"));
    Ok(())
}
