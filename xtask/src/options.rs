//! Command lines: `--name value` options, flags and words. What is wrong with one is a [`Usage`] error.

use std::fmt;

use anyhow::Result;

/// A command line that cannot be obeyed. The program ends with status 2.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

impl Usage {
    /// What to tell whoever typed it.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl From<lexopt::Error> for Usage {
    fn from(error: lexopt::Error) -> Self {
        Self(error.to_string())
    }
}

/// One thing on the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// `--name`, whose value, if it takes one, is got by [`Options::value`].
    Option(String),
    /// A word.
    Word(String),
}

impl Argument {
    /// The error for an argument that has no meaning here.
    pub(crate) fn unexpected(&self) -> anyhow::Error {
        match self {
            Self::Option(name) => Usage::new(format!("unknown option --{name}")).into(),
            Self::Word(word) => Usage::new(format!("unexpected argument '{word}'")).into(),
        }
    }
}

/// What is left of a command line.
#[derive(Debug)]
pub(crate) struct Options(lexopt::Parser);

impl Options {
    /// The command line of this process.
    pub(crate) fn from_env() -> Self {
        Self(lexopt::Parser::from_env())
    }

    /// Whether `--help` or `-h` is somewhere in the rest.
    pub(crate) fn asks_for_help(&self) -> bool {
        self.0.clone().raw_args().is_ok_and(|mut rest| rest.any(|word| word == "--help" || word == "-h"))
    }

    /// The next argument.
    ///
    /// # Errors
    /// [`Usage`], when an option was given a value it does not take, or it is not UTF-8.
    pub(crate) fn argument(&mut self) -> Result<Option<Argument>> {
        Ok(match self.0.next().map_err(Usage::from)? {
            None => None,
            Some(lexopt::Arg::Long(name)) => Some(Argument::Option(name.into())),
            Some(lexopt::Arg::Short('h')) => Some(Argument::Option("help".into())),
            Some(lexopt::Arg::Short(name)) => return Err(Usage::new(format!("unknown option -{name}")).into()),
            Some(lexopt::Arg::Value(word)) => Some(Argument::Word(text(word)?)),
        })
    }

    /// The value of the option that was just given.
    ///
    /// # Errors
    /// [`Usage`], when there is none, or `parse` does not like it.
    pub(crate) fn value<T>(&mut self, parse: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let value = text(self.0.value().map_err(Usage::from)?)?;
        parse(&value).map_err(|error| Usage::new(error.to_string()).into())
    }
}

fn text(word: std::ffi::OsString) -> Result<String, Usage> {
    word.into_string().map_err(|word| Usage::new(format!("'{}' is not UTF-8", word.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Options {
        Options(lexopt::Parser::from_args(words))
    }

    #[test]
    fn words_and_options_come_in_their_order() {
        let mut options = options(&["test", "--machine", "q35", "--interactive"]);
        assert_eq!(options.argument().unwrap(), Some(Argument::Word("test".into())));
        assert_eq!(options.argument().unwrap(), Some(Argument::Option("machine".into())));
        assert_eq!(options.value(|value| Ok(value.to_owned())).unwrap(), "q35");
        assert_eq!(options.argument().unwrap(), Some(Argument::Option("interactive".into())));
        assert_eq!(options.argument().unwrap(), None);
    }

    #[test]
    fn a_missing_value_is_a_usage_error() {
        let mut options = options(&["--machine"]);
        options.argument().unwrap();
        let error = options.value(|value| Ok(value.to_owned())).unwrap_err();
        assert!(error.is::<Usage>(), "{error}");
    }

    #[test]
    fn a_value_that_is_not_liked_is_a_usage_error() {
        let mut options = options(&["--machine=vax"]);
        options.argument().unwrap();
        let error = options.value(nanoqga_testkit::machine::Machine::named).unwrap_err();
        assert!(error.is::<Usage>(), "{error}");
    }
}
