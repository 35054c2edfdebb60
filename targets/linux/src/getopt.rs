//! Command lines as GNU's `getopt_long` reads them: clusters of letters, long names that may be cut short, values after `=` or
//! in the next word, and words among the options.

use alloc::format;
use alloc::string::String;

/// Whether an option has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// It has none.
    Nothing,
    /// It has one, in the same word or the next.
    Value,
    /// It may have one, in the same word only.
    Optional,
}

/// An option: its letter, by which it is known from then on, one of its long names, and what it takes. With a control character
/// for a letter it has none, and a long name that cannot be cut: cut, it may be another's.
pub type Known = (char, &'static str, Takes);

/// What is left of a command line.
#[derive(Debug)]
pub struct Words<'a> {
    known: &'a [Known],
    words: &'a [&'a str],
    /// The rest of a word of letters.
    letters: &'a str,
}

impl<'a> Words<'a> {
    /// The words after the program's name, to be read as options that are `known`.
    #[must_use]
    pub const fn new(known: &'a [Known], words: &'a [&'a str]) -> Self {
        Self { known, words, letters: "" }
    }

    /// The next option and its value; words that belong to none are passed over. `None` at the end, or at a `--`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn option(&mut self) -> Result<Option<(char, Option<&'a str>)>, String> {
        if !self.letters.is_empty() {
            return self.letter().map(Some);
        }
        while let Some(word) = self.next() {
            match word.strip_prefix("--") {
                Some("") => return Ok(None),
                Some(long) => return self.long(long).map(Some),
                None => {}
            }
            if let Some(letters @ [_, ..]) = word.strip_prefix('-').map(str::as_bytes) {
                self.letters = word.get(word.len() - letters.len()..).unwrap_or_default();
                return self.letter().map(Some);
            }
        }
        Ok(None)
    }

    /// The words after the `--`.
    #[must_use]
    pub const fn rest(&self) -> &'a [&'a str] {
        self.words
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn letter(&mut self) -> Result<(char, Option<&'a str>), String> {
        let mut letters = self.letters.chars();
        let letter = letters.next().unwrap_or_default();
        let rest = letters.as_str();
        let Some((_, _, takes)) = self.known.iter().find(|known| known.0 == letter) else {
            self.letters = rest;
            return Err(format!("invalid option -- '{letter}'"));
        };
        let value = match takes {
            Takes::Nothing => {
                self.letters = rest;
                return Ok((letter, None));
            }
            _ if !rest.is_empty() => Some(rest),
            Takes::Optional => None,
            Takes::Value => Some(self.next().ok_or_else(|| format!("option requires an argument -- '{letter}'"))?),
        };
        self.letters = "";
        Ok((letter, value))
    }

    fn long(&mut self, word: &'a str) -> Result<(char, Option<&'a str>), String> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let (letter, name, takes) = self.named(name)?;
        let value = match (takes, value) {
            (Takes::Nothing, Some(_)) => return Err(format!("option '--{name}' doesn't allow an argument")),
            (Takes::Value, None) => Some(self.next().ok_or_else(|| format!("option '--{name}' requires an argument"))?),
            (_, value) => value,
        };
        Ok((letter, value))
    }

    /// The option of that name, or the only one whose name begins so.
    fn named(&self, name: &str) -> Result<Known, String> {
        if let Some(known) = self.known.iter().find(|known| known.1 == name) {
            return Ok(*known);
        }
        let mut cut = self.known.iter().filter(|known| !known.0.is_control() && known.1.starts_with(name));
        match (cut.next(), cut.next()) {
            (Some(known), None) => Ok(*known),
            (Some(_), Some(_)) => Err(format!("option '--{name}' is ambiguous")),
            (None, _) => Err(format!("unrecognized option '--{name}'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const KNOWN: [Known; 6] = [
        ('\u{1}', "methodical", Takes::Nothing),
        ('m', "method", Takes::Value),
        ('v', "verbose", Takes::Nothing),
        ('V', "version", Takes::Nothing),
        ('F', "fsfreeze-hook", Takes::Optional),
        ('d', "daemonize", Takes::Nothing),
    ];

    fn all<'a>(words: &'a [&'a str]) -> Result<Vec<(char, Option<&'a str>)>, String> {
        let mut words = Words::new(&KNOWN, words);
        core::iter::from_fn(|| words.option().transpose()).collect()
    }

    #[test]
    fn values_are_in_the_word_or_the_next() {
        let expected = Ok([('m', Some("a")); 4].to_vec());
        assert_eq!(all(&["-ma", "-m", "a", "--method=a", "--method", "a"]), expected);
    }

    #[test]
    fn letters_stand_together_and_words_among_them() {
        assert_eq!(
            all(&["-vdma", "word", "-", "-V"]).unwrap(),
            [('v', None), ('d', None), ('m', Some("a")), ('V', None)]
        );
    }

    #[test]
    fn an_optional_value_is_never_the_next_word() {
        assert_eq!(
            all(&["-F", "x", "-F/hook", "--fsfreeze-hook", "x", "--fsfreeze-hook=/hook"]).unwrap(),
            [('F', None), ('F', Some("/hook")), ('F', None), ('F', Some("/hook"))]
        );
    }

    #[test]
    fn a_long_name_may_be_cut_while_it_is_clear() {
        assert_eq!(all(&["--meth", "a", "--verb"]).unwrap(), [('m', Some("a")), ('v', None)]);
        assert_eq!(all(&["--ver"]).unwrap_err(), "option '--ver' is ambiguous");
        assert_eq!(all(&["--methodical"]).unwrap(), [('\u{1}', None)]);
    }

    #[test]
    fn what_is_wrong_is_said_as_getopt_says_it() {
        for (words, error) in [
            (["-x"], "invalid option -- 'x'"),
            (["-m"], "option requires an argument -- 'm'"),
            (["--method"], "option '--method' requires an argument"),
            (["--nothing"], "unrecognized option '--nothing'"),
            (["--verbose=1"], "option '--verbose' doesn't allow an argument"),
        ] {
            assert_eq!(all(&words).unwrap_err(), error);
        }
    }

    #[test]
    fn two_dashes_end_the_options() {
        let line = ["-v", "--", "-d", "word"];
        let mut words = Words::new(&KNOWN, &line);
        assert_eq!(words.option(), Ok(Some(('v', None))));
        assert_eq!(words.option(), Ok(None));
        assert_eq!(words.rest(), ["-d", "word"]);
    }
}
