//! The book's pages, opened in a browser without a window: no error, no request that fails, and each has its heading, leads
//! somewhere and fits on a telephone.

mod browser;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::folder::PrivateFolder;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde_json::Value;
use tests::images::book;

use self::browser::Browser;

/// The widths of windows: a telephone's and a desktop's, in pixels.
const WIDTHS: [u32; 2] = [400, 1400];

/// What is asked of a page: its heading, where its links lead, what they can lead to, and by how many pixels it is too wide.
const LOOK: &str = r#"JSON.stringify({
    heading: document.querySelector("main h1")?.innerText ?? "",
    links: [...document.links].map(link => link.href),
    names: [...document.querySelectorAll("[id]")].map(element => element.id),
    overflow: document.documentElement.scrollWidth - window.innerWidth,
})"#;

/// The files of the pages beside the first one, and the headings that they must have: those of the Markdown they are made from.
fn pages(first: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let html = first.parent().context("a page is in a folder")?;
    let mut pages = BTreeMap::new();
    for entry in html.with_file_name("pages").read_dir()? {
        let path = entry?.path();
        let name = path.file_stem().context("a page has a name")?;
        if path.extension().is_some_and(|extension| extension == "md") && name != "SUMMARY" {
            pages.insert(html.join(name).with_extension("html"), heading(&fs::read_to_string(&path)?));
        }
    }
    Ok(pages)
}

fn heading(text: &str) -> String {
    let in_heading = Parser::new(text)
        .skip_while(|event| !matches!(event, Event::Start(Tag::Heading { .. })))
        .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    in_heading
        .map(|event| if let Event::Text(text) | Event::Code(text) = event { text.into_string() } else { String::new() })
        .collect()
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[test]
fn each_page_opens_without_an_error_at_two_widths() -> Result<()> {
    let pages = pages(&book()?)?;
    ensure!(pages.len() > 20, "the book has only these pages: {pages:?}");
    let mut browser = Browser::start()?;
    let (mut complaints, mut links, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (page, heading) in &pages {
        let address = format!("file://{}", page.display());
        for width in WIDTHS {
            let seen = browser.open(&address, width, LOOK)?;
            let mut complain = |what: String| complaints.push(format!("{address} at a width of {width}: {what}"));
            browser.errors().for_each(&mut complain);
            let shown = seen["heading"].as_str().unwrap_or_default();
            if shown != heading || heading.is_empty() {
                complain(format!("its heading is {shown:?} and not {heading:?}"));
            }
            if seen["overflow"].as_i64().is_none_or(|pixels| pixels > 0) {
                complain(format!("it is wider than the window by {} pixels", seen["overflow"]));
            }
            links.extend(texts(&seen["links"]).map(|link| (address.clone(), String::from(link))));
            names.insert(address.clone());
            names.extend(texts(&seen["names"]).map(|name| format!("{address}#{name}")));
        }
    }
    // A browser writes letters like ü in an address as numbers; no heading here has any.
    let inner = links.iter().filter(|(_, link)| link.starts_with("file://") && link.contains(".html"));
    let known = |link: &str| names.contains(link.trim_end_matches('#')) || link.ends_with("/print.html");
    let (good, bad): (Vec<_>, Vec<_>) = inner.partition(|(_, link)| known(link));
    ensure!(good.len() > 100, "only {} links lead to pages of the book", good.len());
    complaints.extend(bad.into_iter().map(|(page, link)| format!("{page}: nothing is at {link}")));
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}

#[test]
fn errors_of_a_page_are_seen() -> Result<()> {
    let mut browser = Browser::start()?;
    let folder = PrivateFolder::new()?;
    let page = folder.path().join("page.html");
    let address = format!("file://{}", page.display());
    for (body, expected) in [
        ("<script>console.error('from the script')</script>", "from the script"),
        ("<script>undefined.nothing</script>", "TypeError"),
        ("<img src='missing.svg'>", "ERR_FILE_NOT_FOUND"),
        ("<script>onload = () => setTimeout(() => { throw 'late' })</script>", "late"),
    ] {
        fs::write(&page, body)?;
        browser.open(&address, 400, LOOK)?;
        let errors: Vec<_> = browser.errors().collect();
        ensure!(errors.iter().any(|error| error.contains(expected)), "{body}: {errors:?}");
    }
    fs::write(&page, "<main><h1>a</h1><p style='width: 500px'>b</main>")?;
    let seen = browser.open(&address, 400, LOOK)?;
    ensure!(
        seen["heading"] == "a" && seen["overflow"].as_i64() > Some(50),
        "a page that is too wide is not seen: {seen}"
    );
    ensure!(browser.errors().count() == 0, "errors of a page are taken for those of the next one");
    Ok(())
}
