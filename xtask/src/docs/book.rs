//! The book: the pages that docs/SUMMARY.md lists, wherever they lie in the repository.
//!
//! mdBook wants all pages in one folder. So they are copied to one, and their links changed to lead from there.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::process::run;
use nanoqga_testkit::progress::step_with_output;
use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::setup;
use crate::workspace;

const SUMMARY: &str = "docs/SUMMARY.md";
const LIMIT: Duration = Duration::from_secs(300);

/// Builds the book; returns the path of its first page.
pub(crate) fn build() -> Result<PathBuf> {
    let mdbook = setup::mdbook()?;
    let folder = workspace::path("target/book");
    let pages = folder.join("pages");
    if pages.exists() {
        fs::remove_dir_all(&pages)?;
    }
    fs::create_dir_all(&pages)?;
    fs::copy(workspace::path("docs/book.toml"), folder.join("book.toml"))?;
    let places = places(&read(SUMMARY)?);
    for (page, name) in
        places.iter().map(|(page, name)| (page.as_str(), name.as_str())).chain([(SUMMARY, "SUMMARY.md")])
    {
        let moved = moved(&read(page)?, page, &places);
        for picture in &moved.pictures {
            let copy = pages.join(picture);
            fs::create_dir_all(copy.parent().unwrap_or(&pages))?;
            fs::copy(workspace::path(picture), &copy).with_context(|| format!("{page} shows {picture}"))?;
        }
        fs::write(pages.join(name), moved.text)?;
    }
    step_with_output("Building the book", || run(Command::new(mdbook).arg("build").arg(&folder), LIMIT))?;
    Ok(folder.join("html/index.html"))
}

fn read(page: &str) -> Result<String> {
    fs::read_to_string(workspace::path(page)).with_context(|| format!("cannot read {page}"))
}

/// The pages that a summary lists, by their paths in the repository, and what they are called in the book.
fn places(summary: &str) -> BTreeMap<String, String> {
    let links = links(summary).into_iter().filter_map(|link| resolved(SUMMARY, &link.to));
    links.map(|page| (page.clone(), name_of(&page))).collect()
}

/// A name that no other page has: that of the page's file, or of its folder if it is the folder's README.
fn name_of(page: &str) -> String {
    let (folder, file) = page.rsplit_once('/').unwrap_or(("", page));
    match file {
        "README.md" if folder.is_empty() => "introduction.md".into(),
        "README.md" => format!("{}.md", folder.replace('/', "-")),
        _ => file.to_lowercase(),
    }
}

/// A page as it stands in the book.
#[derive(Debug, Default)]
struct Moved {
    text: String,
    /// The paths of its pictures, in the repository and below the pages.
    pictures: Vec<String>,
}

/// Changes the links of a page. One that leads to no page of the book becomes its text.
fn moved(text: &str, page: &str, places: &BTreeMap<String, String>) -> Moved {
    let mut moved = Moved::default();
    let mut done = 0;
    for link in links(text) {
        let Some(whole) = text.get(link.range.clone()) else { continue };
        let Some(file) = resolved(page, &link.to) else { continue };
        let fragment = link.to.split_once('#').map_or(String::new(), |(_, heading)| format!("#{heading}"));
        let new = match places.get(&file) {
            Some(name) => whole.replace(&format!("]({})", link.to), &format!("]({name}{fragment})")),
            None if link.is_picture => {
                let new = whole.replace(&format!("]({})", link.to), &format!("]({file})"));
                moved.pictures.push(file);
                new
            }
            None => {
                whole.strip_prefix('[').and_then(|rest| rest.rsplit_once("](")).map_or(whole, |(text, _)| text).into()
            }
        };
        moved.text.push_str(text.get(done..link.range.start).unwrap_or_default());
        moved.text.push_str(&new);
        done = link.range.end;
    }
    moved.text.push_str(text.get(done..).unwrap_or_default());
    moved
}

/// A link or a picture of a page.
#[derive(Debug)]
struct Link {
    /// Where it stands.
    range: Range<usize>,
    to: String,
    is_picture: bool,
}

fn links(text: &str) -> Vec<Link> {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    let links = events.filter_map(|(event, range)| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(Link { range, to: dest_url.into_string(), is_picture: false }),
        Event::Start(Tag::Image { dest_url, .. }) => Some(Link { range, to: dest_url.into_string(), is_picture: true }),
        _ => None,
    });
    links.collect()
}

/// The path in the repository that a link of a page leads to; `None` if it leads out of it, or stays on the page.
fn resolved(page: &str, to: &str) -> Option<String> {
    let file = to.split_once('#').map_or(to, |(file, _)| file);
    if file.is_empty() || file.contains("://") {
        return None;
    }
    let mut path = PathBuf::new();
    let from = Path::new(page).parent()?.join(file);
    for component in from.components() {
        match component {
            Component::ParentDir => _ = path.pop(),
            other => path.push(other),
        }
    }
    path.to_str().map(String::from)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn links_lead_to_pages_of_the_book_or_are_text() {
        let places =
            places("[Start](../README.md)\n\n- [Hosts](hosts.md)\n- [OSTD](../targets/kernels/ostd/README.md)\n");
        assert_eq!(places["targets/kernels/ostd/README.md"], "targets-kernels-ostd.md");
        let text =
            "[a](../../../docs/hosts.md#libvirt), ![b](b.svg), [c `d`](../../../xtask/src/main.rs) [e](#f) <https://g>";
        let moved = moved(text, "targets/kernels/ostd/README.md", &places);
        assert_eq!(moved.text, "[a](hosts.md#libvirt), ![b](targets/kernels/ostd/b.svg), c `d` [e](#f) <https://g>");
        assert_eq!(moved.pictures, ["targets/kernels/ostd/b.svg"]);
    }

    #[test]
    fn each_page_has_a_name_of_its_own() {
        let places = places(&read(SUMMARY).unwrap());
        assert!(places.len() > 20, "{places:?}");
        let names: BTreeSet<_> = places.values().collect();
        assert_eq!(names.len(), places.len(), "{places:?}");
    }
}
