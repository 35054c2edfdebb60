//! Which files a host may open, by where they are: `--allow-path` and `--block-path`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use super::files::{real_path, real_path_of, self_path};

/// The folders and files that a host may open something in, and those that it may not.
#[derive(Clone, Debug, Default)]
pub struct PathRules {
    /// If there are any, nothing else may be opened.
    allow: Vec<String>,
    /// Stronger than those.
    block: Vec<String>,
}

/// A permitted file: no link that is changed after the check leads elsewhere.
#[derive(Debug)]
pub struct Place {
    /// The file itself, or the folder in which it is created.
    pub anchor: OwnedFd,
    /// The path by which `openat` finds it from there.
    pub name: String,
    /// What `openat` needs besides.
    pub flags: OFlags,
}

impl PathRules {
    /// The rules with these lists of absolute paths.
    pub const fn new(allow: Vec<String>, block: Vec<String>) -> Self {
        Self { allow, block }
    }

    /// Where `path` leads. Returns nothing if there are no rules.
    ///
    /// # Errors
    /// `ACCESS` if the file may not be opened; what the kernel says if it cannot be found.
    pub fn find(&self, path: &str) -> Result<Option<Place>, Errno> {
        if self.allow.is_empty() && self.block.is_empty() {
            return Ok(None);
        }
        let handle = OFlags::PATH | OFlags::CLOEXEC;
        let (real, place) = match open(path, handle, Mode::empty()) {
            Ok(anchor) => {
                let name = self_path(&anchor);
                (real_path_of(&anchor)?, Place { anchor, name, flags: OFlags::empty() })
            }
            // Its folder says where it will be.
            Err(Errno::NOENT) => {
                let (folder, name) = path
                    .rsplit_once('/')
                    .map_or((".", path), |(folder, name)| (if folder.is_empty() { "/" } else { folder }, name));
                let anchor = open(folder, handle | OFlags::DIRECTORY, Mode::empty())?;
                let real = format!("{}/{name}", real_path_of(&anchor)?.trim_end_matches('/'));
                (real, Place { anchor, name: name.into(), flags: OFlags::NOFOLLOW })
            }
            Err(error) => return Err(error),
        };
        if self.permit(&real) { Ok(Some(place)) } else { Err(Errno::ACCESS) }
    }

    /// Whether the file may be opened whose path has no link.
    fn permit(&self, path: &str) -> bool {
        let listed = |list: &[String]| list.iter().any(|rule| is_within(path, &resolved(rule)));
        (self.allow.is_empty() || listed(&self.allow)) && !listed(&self.block)
    }
}

/// Whether a path is that of a folder or of something in it.
fn is_within(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A rule's path without links. What of it is not there yet stays as it is.
fn resolved(rule: &str) -> String {
    let mut there = rule;
    while !there.is_empty() {
        if let Ok(real) = real_path(there) {
            let missing = rule.get(there.len()..).unwrap_or_default();
            return format!("{}{missing}", real.trim_end_matches('/'));
        }
        there = there.rsplit_once('/').map_or("", |(folder, _)| folder);
    }
    rule.into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::vec;

    use super::super::files::testing::TestFolder;
    use super::*;

    #[test]
    fn a_folder_has_what_is_in_it_and_not_what_begins_alike() {
        for (path, folder, within) in [
            ("/a/b", "/a/b", true),
            ("/a/b/c", "/a/b/", true),
            ("/a/bc", "/a/b", false),
            ("/a", "/a/b", false),
            ("/a", "/", true),
        ] {
            assert_eq!(is_within(path, folder), within, "{path} in {folder}");
        }
    }

    /// Paths are judged by where they lead, and so are rules: also one whose folder is a link, and which is not there yet.
    #[test]
    fn no_link_and_no_dots_lead_around_a_rule() {
        let folder = TestFolder::new("path-rules");
        for name in ["open", "shut"] {
            fs::create_dir(folder.path(name)).unwrap();
            fs::write(folder.path(&format!("{name}/file")), name).unwrap();
        }
        for (target, link) in [
            ("../shut/file", "open/link"),
            ("../shut", "open/folder"),
            ("../shut/new", "open/dangling"),
            ("file", "open/inside"),
            ("shut", "alias"),
        ] {
            symlink(target, folder.path(link)).unwrap();
        }
        let judge = |rules: &PathRules, name: &str| rules.find(&folder.path(name)).map(|place| place.is_some());
        let allow = PathRules::new(vec![folder.path("open")], vec![]);
        let block = PathRules::new(vec![], vec![folder.path("alias/file"), folder.path("alias/new")]);
        for rules in [&allow, &block] {
            for name in ["open/file", "open/inside", "open/new", "open/../open/file", "open/./new"] {
                assert_eq!(judge(rules, name), Ok(true), "{name}");
            }
            for name in
                ["shut/file", "shut/new", "open/link", "open/folder/file", "open/../shut/file", "open/folder/new"]
            {
                assert_eq!(judge(rules, name), Err(Errno::ACCESS), "{name}");
            }
        }
        // Whoever creates it in that folder creates no file elsewhere.
        assert_eq!(allow.find(&folder.path("open/dangling")).unwrap().unwrap().flags, OFlags::NOFOLLOW);
        assert_eq!(judge(&allow, "nothing/file"), Err(Errno::NOENT));
        assert_eq!(judge(&PathRules::default(), "shut/file"), Ok(false));
        let both = PathRules::new(vec![folder.path("")], vec![folder.path("shut")]);
        assert_eq!(judge(&both, "open/file"), Ok(true));
        assert_eq!(judge(&both, "shut/file"), Err(Errno::ACCESS));
    }
}
