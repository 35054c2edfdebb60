//! What clap does not know of our command lines.

use std::fmt::Display;

use anyhow::{Context, Error};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;

/// The error for a command line that parses, but cannot be obeyed. The program ends with status 2.
pub(crate) fn usage(message: impl Display) -> Error {
    clap::Error::raw(ErrorKind::ValueValidation, format!("{message}\n")).into()
}

/// Takes the name of one of some values. Help, completions and errors list the names.
pub(crate) fn one_of<T>(values: impl IntoIterator<Item = (PossibleValue, T)>) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
{
    let values: Vec<_> = values.into_iter().collect();
    let names = PossibleValuesParser::new(values.iter().map(|(name, _)| name.clone()));
    names.try_map(move |given| {
        let value = values.iter().find(|(name, _)| name.matches(&given, false));
        value.map(|(_, value)| value.clone()).context("there is none of this name")
    })
}
