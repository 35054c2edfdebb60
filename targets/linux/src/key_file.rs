//! Files of `key=value` lines in groups, as `GLib` reads and writes them (its specification of `GKeyFile`).

use alloc::format;
use alloc::string::String;

/// The keys and values of a file's group `[group]`, in their order. Of two with the same key the last counts.
///
/// # Errors
/// What is wrong with the file.
pub fn group<'t>(
    text: &'t str,
    group: &str,
    mut each: impl FnMut(&'t str, String) -> Result<(), String>,
) -> Result<(), String> {
    let mut inside = None;
    for line in text.lines() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.trim_end().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = Some(name == group);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(format!("line “{line}” is no key-value pair, group, or comment"));
        };
        match inside {
            None => return Err("the file does not begin with a group".into()),
            Some(false) => {}
            Some(true) => {
                let key = key.trim_end();
                let value = unescaped(value.trim_start())
                    .ok_or_else(|| format!("the value of “{key}” has an unknown escape"))?;
                each(key, value)?;
            }
        }
    }
    Ok(())
}

/// A value that is true or false.
///
/// # Errors
/// That it is neither.
pub fn boolean(key: &str, value: &str) -> Result<bool, String> {
    match value.trim_end() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("the value “{value}” of “{key}” is neither true nor false")),
    }
}

/// Adds the line of a key to `text`.
pub fn add(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push('=');
    let mut leading = true;
    for character in value.chars() {
        leading &= character == ' ' || character == '\t';
        match character {
            ' ' if leading => text.push_str("\\s"),
            '\t' if leading => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\\' => text.push_str("\\\\"),
            _ => text.push(character),
        }
    }
    text.push('\n');
}

fn unescaped(value: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next()? {
                's' => ' ',
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            _ => character,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::borrow::ToOwned;
    use std::vec::Vec;

    use super::*;

    fn general(text: &str) -> Result<Vec<(String, String)>, String> {
        let mut pairs = Vec::new();
        group(text, "general", |key, value| {
            pairs.push((key.to_owned(), value));
            Ok(())
        })?;
        Ok(pairs)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.into(), value.into())
    }

    #[test]
    fn only_the_group_asked_for_is_read() {
        let text = "# a comment\n[other]\npath=/no\n[general]\n\n  path = /a b \nverbose=1\n[last]\nx=y\n";
        assert_eq!(general(text).unwrap(), [pair("path", "/a b "), pair("verbose", "1")]);
    }

    #[test]
    fn what_is_escaped_is_read_as_it_was() {
        let mut text = String::from("[general]\n");
        add(&mut text, "path", "  a b\\c\n\t");
        assert_eq!(text, "[general]\npath=\\s\\sa b\\\\c\\n\t\n");
        assert_eq!(general(&text).unwrap(), [pair("path", "  a b\\c\n\t")]);
    }

    #[test]
    fn a_file_that_is_none_is_refused() {
        for text in ["path=/x\n", "[general]\nnothing\n", "[general]\npath=\\q\n", "[general]\npath=\\"] {
            assert!(general(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_boolean_is_a_word_or_a_digit() {
        assert_eq!((boolean("k", "true "), boolean("k", "0")), (Ok(true), Ok(false)));
        assert!(boolean("k", "yes").is_err());
    }
}
